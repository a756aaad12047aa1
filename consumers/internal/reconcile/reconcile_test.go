package reconcile_test

import (
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// A part that fails does not keep the others from theirs.
func TestPartsDoNotWaitForEachOther(t *testing.T) {
	for _, fail := range []string{"maps", "concerts", "layout of nocturne", "keep", "receive", "send to orders", "repair"} {
		w := newWorld(t)
		opened := w.held(t, "A", contracts.Held, w.now-minute)
		w.held(t, "A", contracts.Held, w.now-10*minute)
		w.letter(t, 0, "g", message.Attributes{Kind: message.KindExpireHold}, "body", "")
		w.holding(t, w.seated(t, contracts.Cancelled, "A-1-9").OrderID, 8)
		w.fail[fail] = true
		report, err := w.run(t)
		unrepaired := map[string]bool{"maps": true, "concerts": true, "layout of nocturne": true, "repair": true}[fail]
		if err == nil || len(w.steps(opened.OrderID)) != 1 {
			t.Errorf("%s fails: %+v, %v", fail, report, err)
		}
		if fail != "send to orders" && report.Expired != 1 {
			t.Errorf("%s fails: %d are expired", fail, report.Expired)
		}
		if (report.DeadLetters == 1) != (fail != "keep" && fail != "receive") {
			t.Errorf("%s fails: %d letters are kept", fail, report.DeadLetters)
		}
		if (report.Repaired > 0) == unrepaired {
			t.Errorf("%s fails: %d are repaired", fail, report.Repaired)
		}
		if n := w.kinds()[message.KindRebuildGroup]; n > 0 || (report.Left.Unknown > 0) != (fail == "maps") {
			t.Errorf("%s fails: %d rebuilds, %d groups unknown", fail, n, report.Left.Unknown)
		}
	}
}
