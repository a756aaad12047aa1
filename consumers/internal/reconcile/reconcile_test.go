package reconcile_test

import (
	"testing"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// A part of a run that fails does not stop the others.
func TestAPartThatFailsStopsNoOther(t *testing.T) {
	toOrders := world.Fails(world.Send).About("orders")
	for _, fault := range []world.Fault{
		world.Fails(world.Maps), world.Fails(world.Concerts), world.Fails(world.Layout).About("nocturne"), world.Fails(world.KeepLetter),
		world.Fails(receiveLetters), toOrders, world.Fails(world.Repair),
	} {
		fail := fault.Call()
		w := newFixture(t)
		opened := w.held(t, "A", contracts.Held, w.Instant()-minute)
		w.held(t, "A", contracts.Held, w.Instant()-10*minute)
		w.letter(t, 0, "g", message.Attributes{Kind: message.KindExpireHold}, "body", "")
		w.holding(t, w.seated(t, contracts.Cancelled, "A-1-9").OrderID, 8)
		w.Inject(fault.Always())
		report, err := w.run(t)
		unrepaired := fail == world.Maps || fail == world.Concerts || fail == world.Layout || fail == world.Repair
		if err == nil || len(w.steps(opened.OrderID)) != 1 {
			t.Errorf("%s fails: %+v, %v", fail, report, err)
		}
		if fault != toOrders && report.Expired != 1 {
			t.Errorf("%s fails: %d are expired", fail, report.Expired)
		}
		if (report.DeadLetters == 1) != (fail != world.KeepLetter && fail != receiveLetters) {
			t.Errorf("%s fails: %d letters are kept", fail, report.DeadLetters)
		}
		if (report.Repaired > 0) == unrepaired {
			t.Errorf("%s fails: %d are repaired", fail, report.Repaired)
		}
		if n := w.kinds()[message.KindRebuildGroup]; n > 0 || (report.Left.Unknown > 0) != (fail == world.Maps) {
			t.Errorf("%s fails: %d rebuilds, %d groups unknown", fail, n, report.Left.Unknown)
		}
	}
}
