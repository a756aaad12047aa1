package commit_test

import (
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w fixture) declined(event string, at contracts.Instant) message.PaymentDeclined {
	return message.PaymentDeclined{
		OrderID: w.row.OrderID, ConcertID: group.ConcertID, Group: group.Group, EventID: event, At: at,
		Code: "card_declined", Text: "No.",
	}
}

// A new version has the reason of the decline, and the timeline stays.
func TestADeclineIsNotedOnce(t *testing.T) {
	w := newFixture(t)
	for range 2 {
		world.WantDone(t, w.handle(t, w.declined("evt_1", 5000), 0))
		row := w.WantRow(t, w.row.OrderID, contracts.AwaitingPayment, 3)
		failed := row.Payment.LastError
		if failed == nil || failed.Code != "card_declined" || row.Payment.ClientSecret == "" || len(row.History) != 2 {
			t.Errorf("last error %v, %d entries of history; want card_declined, 2, and a client secret", failed, len(row.History))
		}
	}
	world.WantDone(t, w.handle(t, w.declined("evt_0", 4000), 0)) // an earlier one
	w.WantRow(t, w.row.OrderID, contracts.AwaitingPayment, 3)
	world.WantDone(t, w.handle(t, w.authorized(), 0)) // a good card afterwards
	if failed := w.Row(t, w.row.OrderID).Payment.LastError; failed != nil {
		t.Errorf("a paid order has the last error %v", failed)
	}
}

func TestADeclineInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		w := newFixture(t)
		other := w.row
		other.Status, other.Version = status, 4
		w.becomes(t, w.row, other)
		world.WantDone(t, w.handle(t, w.declined("evt_1", 5000), 0))
		version := 4
		if status == contracts.AwaitingPayment {
			version = 5
		}
		w.WantRow(t, w.row.OrderID, status, version)
	}
}

func TestADeclineAfterAFailure(t *testing.T) {
	for _, fault := range []world.Fault{
		world.Fails(world.Read), world.Fails(world.Update), world.LosesAnswer(world.Update), world.CrashesAfter(world.Update),
	} {
		t.Run(fault.String(), func(t *testing.T) {
			w := newFixture(t)
			w.Inject(fault)
			world.WantRetryable(t, w.handle(t, w.declined("evt_1", 5000), 0))
			w.Restart()
			world.WantDone(t, w.handle(t, w.declined("evt_1", 5000), 0))
			w.WantRow(t, w.row.OrderID, contracts.AwaitingPayment, 3)
		})
	}
}

// The row changes between the read and the write and still awaits its payment: the decline is noted in what it is now.
func TestADeclineOfARowThatChanges(t *testing.T) {
	w := newFixture(t)
	w.Meanwhile(world.Update, func() { w.becomes(t, w.row, w.row.NextAttempt(order.StepOpen)) })
	world.WantDone(t, w.handle(t, w.declined("evt_1", 5000), 0))
	row := w.WantRow(t, w.row.OrderID, contracts.AwaitingPayment, w.row.Version+2)
	if failed := row.Payment.LastError; failed == nil || failed.EventID != "evt_1" {
		t.Errorf("the last error is %v, want that of evt_1", failed)
	}
}
