package commit_test

import (
	"testing"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w *world) declined(event string, at contracts.Instant) message.PaymentDeclined {
	return message.PaymentDeclined{
		OrderID: w.row.OrderID, ConcertID: group.ConcertID, Group: group.Group, EventID: event, At: at, Code: "card_declined", Text: "No.",
	}
}

// The order goes on: a new version says why, and the timeline stays.
func TestADeclineIsNotedOnce(t *testing.T) {
	w := newWorld(t)
	for _, again := range []bool{false, true} {
		if o := w.handle(t, w.declined("evt_1", 5000)); o.Class != retry.ClassDone {
			t.Fatalf("again %v: %+v", again, o)
		}
		row := w.stored(t, w.row.OrderID)
		if row.Version != 3 || row.Status != contracts.AwaitingPayment || row.Payment.LastError.Code != "card_declined" || len(row.History) != 2 || row.Payment.ClientSecret == "" {
			t.Errorf("again %v: row %+v, %+v", again, row, row.Payment)
		}
	}
	if o := w.handle(t, w.declined("evt_0", 4000)); o.Class != retry.ClassDone || w.stored(t, w.row.OrderID).Version != 3 {
		t.Errorf("an earlier one: %+v", o)
	}
	// A good card afterwards.
	if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassDone || w.stored(t, w.row.OrderID).Payment.LastError != nil {
		t.Errorf("paid: %+v, %+v", o, w.stored(t, w.row.OrderID).Payment)
	}
}

func TestADeclineInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		w := newWorld(t)
		other := w.row
		other.Status, other.Version = status, 4
		if err := w.rows.Update(t.Context(), w.row, other); err != nil {
			t.Fatal(err)
		}
		outcome, want := w.handle(t, w.declined("evt_1", 5000)), 4
		if status == contracts.AwaitingPayment {
			want = 5
		}
		if row := w.stored(t, w.row.OrderID); outcome.Class != retry.ClassDone || row.Version != want || row.Status != status {
			t.Errorf("%s: %+v, row %s at %d", status, outcome, row.Status, row.Version)
		}
	}
}

func TestADeclineAfterACrash(t *testing.T) {
	for _, crash := range []string{"read", "update", "update reply"} {
		w := newWorld(t)
		w.fail = crash
		if o := w.handle(t, w.declined("evt_1", 5000)); o.Class != retry.ClassRetryable {
			t.Errorf("%s: %+v", crash, o)
		}
		if o := w.handle(t, w.declined("evt_1", 5000)); o.Class != retry.ClassDone || w.stored(t, w.row.OrderID).Version != 3 {
			t.Errorf("after %s: %+v, version %d", crash, o, w.stored(t, w.row.OrderID).Version)
		}
	}
}
