package pay_test

import (
	"testing"

	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func TestWhatIsNotForThisQueueIsPoison(t *testing.T) {
	w := newWorld(t)
	poison(t, retry.Classify(w.pay().Handle(t.Context(), message.Delivery{Body: "{"})), retry.ReasonMalformed)
	poison(t, w.handle(message.CancelOrder{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, CommandID: "c1"}), "misrouted")
	open := w.open()
	open.OrderID = ordertest.NewID()
	poison(t, w.handle(open), "no_row")
	w.happened("")
}

// The lag that takers of orders go by is that of buyers who wait to pay: of a message's first receive, or of one that tries
// in vain. What came again and is done tells of a trouble that is over, and other kinds are no buyer who waits.
func TestTheLagOfPaymentsIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		of       func(*world) message.Message
		receives int
		fail     bool
		left     bool
	}{
		"first receive":              {func(w *world) message.Message { return w.open() }, 1, false, true},
		"first receive, in vain":     {func(w *world) message.Message { return w.open() }, 1, true, true},
		"once more, in vain":         {func(w *world) message.Message { return w.open() }, 7, true, true},
		"once more, done":            {func(w *world) message.Message { return w.open() }, 7, false, false},
		"a capture, first receive":   {func(w *world) message.Message { w.committed(); w.lags = nil; return w.capture() }, 1, false, false},
		"a capture, tried in vain":   {func(w *world) message.Message { w.committed(); w.lags = nil; return w.capture() }, 7, true, false},
		"a check, its first receive": {func(w *world) message.Message { return w.check("r1") }, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := c.of(w)
			if c.fail {
				w.fail["create"], w.fail["capture"] = pay.FailureUnknown, pay.FailureUnknown
			}
			e, err := message.Encode(m, "")
			if err != nil {
				t.Fatal(err)
			}
			o := retry.Classify(w.pay().Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: c.receives, SentAt: 4711}))
			if (o.Class == retry.ClassRetryable) != c.fail {
				t.Fatalf("got %+v", o)
			}
			if left := len(w.lags) == 1 && w.lags[0] == contracts.Instant(4711); left != c.left || len(w.lags) > 1 {
				t.Errorf("left %v", w.lags)
			}
		})
	}
}
