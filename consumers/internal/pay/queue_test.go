package pay_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func TestOtherMessagesArePoison(t *testing.T) {
	w := newFixture(t)
	world.WantOutcome(t, w.pay().Handle(t.Context(), message.Delivery{Body: "{"}), retry.ClassPoison, retry.ReasonMalformed)
	cancel := message.CancelOrder{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, CommandID: "c1"}
	world.WantOutcome(t, w.handle(cancel), retry.ClassPoison, "misrouted")
	open := w.open()
	open.OrderID = ordertest.NewID()
	world.WantOutcome(t, w.handle(open), retry.ClassPoison, "no_row")
	w.happened("")
}

// The lag of payments is that of buyers who wait for their payment form: of an OpenPayment's first receive, or of one that fails. A
// redelivery that is done belongs to a failure that has passed, and no buyer waits for messages of other kinds.
func TestTheLagOfPaymentsIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		of       func(*fixture) message.Message
		receives int
		fail     bool
		left     bool
	}{
		"first receive":              {func(w *fixture) message.Message { return w.open() }, 1, false, true},
		"first receive, in vain":     {func(w *fixture) message.Message { return w.open() }, 1, true, true},
		"once more, in vain":         {func(w *fixture) message.Message { return w.open() }, 7, true, true},
		"once more, done":            {func(w *fixture) message.Message { return w.open() }, 7, false, false},
		"a capture, first receive":   {func(w *fixture) message.Message { w.committed(); return w.capture() }, 1, false, false},
		"a capture, tried in vain":   {func(w *fixture) message.Message { w.committed(); return w.capture() }, 7, true, false},
		"a check, its first receive": {func(w *fixture) message.Message { return w.check("r1") }, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			m := c.of(w)
			before := len(w.Lags())
			if c.fail {
				w.Inject(world.Fails(world.Create), world.Fails(world.Capture))
			}
			e, err := message.Encode(m, "")
			if err != nil {
				t.Fatal(err)
			}
			d := message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: c.receives, SentAt: 4711}
			if o := retry.Classify(w.pay().Handle(t.Context(), d)); (o.Class == retry.ClassRetryable) != c.fail {
				t.Fatalf("the outcome is %s %s: %v", o.Class, o.Reason, o.Err)
			}
			lags := w.Lags()[before:]
			if left := slices.Equal(lags, []contracts.Instant{4711}); left != c.left || len(lags) > 1 {
				t.Errorf("left the lags since %v, want one: %v", lags, c.left)
			}
		})
	}
}
