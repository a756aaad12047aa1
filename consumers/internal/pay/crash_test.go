package pay_test

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// story is what happens to an order, told with the messages of pay, and how it has to end.
type story struct {
	// prepare is done without failures.
	prepare func(*world)
	of      func(*world) message.Message
	status  contracts.Status
	effects string
	sold    bool
}

var stories = map[string]story{
	"opened":  {func(*world) {}, func(w *world) message.Message { return w.open() }, contracts.AwaitingPayment, "created", false},
	"paid":    {func(w *world) { w.committed() }, func(w *world) message.Message { return w.capture() }, contracts.Confirmed, "created authorized captured", true},
	"checked": {func(w *world) { w.committed() }, func(w *world) message.Message { return w.check("r1") }, contracts.Confirmed, "created authorized captured", true},
	"voided": {func(w *world) { w.authorized(); w.cancelOrder() }, func(w *world) message.Message { return w.void() },
		contracts.Cancelled, "created authorized canceled", false},
	"revoked": {func(w *world) {
		c := w.committed()
		if _, err := w.provider.Cancel(w.t.Context(), "elsewhere", c.ID); err != nil {
			w.t.Fatal(err)
		}
	}, func(w *world) message.Message { return w.capture() }, contracts.Revoked, "created authorized canceled", false},
	"lost": {func(w *world) {
		if err := w.provider.Lose(w.committed().ID); err != nil {
			w.t.Fatal(err)
		}
	}, func(w *world) message.Message { return w.capture() }, contracts.Revoked, "created authorized expired canceled", false},
	"asked by his bank": {func(w *world) {
		c := w.committed()
		if err := w.provider.Lose(c.ID); err != nil {
			w.t.Fatal(err)
		}
		w.confirm(c, mempay.CardAsks)
	}, func(w *world) message.Message { return w.capture() }, contracts.Revoked, "created authorized expired canceled", false},
	"sent on": {func(w *world) { w.authorized() }, func(w *world) message.Message { return w.check("r1") },
		contracts.AwaitingPayment, "created authorized", false},
}

// ended wants the end of a story.
func (s story) ended(t *testing.T, w *world) {
	t.Helper()
	w.is(s.status)
	w.happened(s.effects)
	tickets, err := w.rows.Tickets(t.Context(), group)
	if err != nil || (len(tickets) == 2) != s.sold {
		t.Errorf("tickets %v, %v", tickets, err)
	}
	if s.status == contracts.AwaitingPayment && w.row().Payment.IntentID != "pi_1" {
		t.Errorf("the row has %+v", w.row().Payment)
	}
}

// A message whose handler ends after any call, with the call's effect or without it, comes again and ends the same. A lost
// answer is the same as a crash to it: nothing is kept between two attempts.
func TestACrashAfterAnyCallEndsTheSame(t *testing.T) {
	for name, s := range stories {
		plain := newWorld(t)
		s.prepare(plain)
		plain.calls = nil
		plain.done(s.of(plain))
		s.ended(t, plain)
		if len(plain.calls) < 2 {
			t.Fatalf("%s made the calls %q", name, plain.calls)
		}
		for n := range plain.calls {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %d %s, after %v", name, n+1, strings.Fields(plain.calls[n])[0], after), func(t *testing.T) {
					w := newWorld(t)
					s.prepare(w)
					w.calls, w.failAt, w.after = nil, n+1, after
					w.done(s.of(w))
					s.ended(t, w)
				})
			}
		}
	}
}

// A 5xx is repeated by its key for ever. Only a look that shows no effect leads to another key; an effect that hides behind
// the 5xx is found by it.
func TestAFailureThatIsRepeated(t *testing.T) {
	for _, c := range []struct {
		story string
		call  mempay.Call
		kind  mempay.Fault
		want  string
	}{
		// What a create may have left behind nobody was shown, so that there is nothing to look for.
		{"opened", mempay.CallCreate, mempay.Broken, "create pi:ENV:order:0, create pi:ENV:order:0, create pi:ENV:order:1"},
		{"opened", mempay.CallCreate, mempay.BrokenAfter, "create pi:ENV:order:0, create pi:ENV:order:0, create pi:ENV:order:1"},
		{"paid", mempay.CallCapture, mempay.Broken, "capture cap:ENV:order:0, capture cap:ENV:order:0, retrieve, capture cap:ENV:order:1"},
		{"paid", mempay.CallCapture, mempay.BrokenAfter, "capture cap:ENV:order:0, capture cap:ENV:order:0, retrieve"},
		{"voided", mempay.CallCancel, mempay.Broken, "cancel void:pi_1:0, cancel void:pi_1:0, retrieve, cancel void:pi_1:1"},
		{"voided", mempay.CallCancel, mempay.BrokenAfter, "cancel void:pi_1:0, cancel void:pi_1:0, retrieve"},
		{"lost", mempay.CallCancel, mempay.Broken, "capture cap:ENV:order:0, retrieve, cancel void:pi_1:0, capture cap:ENV:order:0, retrieve, cancel void:pi_1:0, retrieve, capture cap:ENV:order:0, retrieve, cancel void:pi_1:1"},
		{"lost", mempay.CallCancel, mempay.BrokenAfter, "capture cap:ENV:order:0, retrieve, cancel void:pi_1:0, capture cap:ENV:order:0, retrieve"},
		// Others are not begun, or lose their answer: the key stays.
		{"paid", mempay.CallCapture, mempay.Limited, "capture cap:ENV:order:0, capture cap:ENV:order:0"},
		{"paid", mempay.CallCapture, mempay.Lost, "capture cap:ENV:order:0, capture cap:ENV:order:0"},
		{"opened", mempay.CallCreate, mempay.Lost, "create pi:ENV:order:0, create pi:ENV:order:0"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.story, c.kind), func(t *testing.T) {
			w := newWorld(t)
			s := stories[c.story]
			s.prepare(w)
			w.calls = nil
			w.provider.Fail(w.id, c.call, c.kind)
			w.done(s.of(w))
			w.is(s.status)
			if got := w.asked(); got != c.want {
				t.Errorf("asked %q, want %q", got, c.want)
			}
			if hidden := c.story == "opened" && c.kind == mempay.BrokenAfter; hidden {
				w.happened("created created")
			} else {
				s.ended(t, w)
			}
		})
	}
}
