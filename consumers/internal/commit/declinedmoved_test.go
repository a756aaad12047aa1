package commit_test

import (
	"context"
	"testing"

	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
)

// moving has the row change once, right before an update.
type moving struct {
	*world
	then func()
}

func (m *moving) Update(ctx context.Context, before, after order.Order) error {
	if m.then != nil {
		m.then()
		m.then = nil
	}
	return m.world.Update(ctx, before, after)
}

// The row changes between the read and the write and awaits its payment still: the decline is noted in what it is now.
func TestADeclineOfARowThatChanges(t *testing.T) {
	w := newWorld(t)
	rows := &moving{world: w, then: func() {
		if err := w.rows.Update(t.Context(), w.row, w.row.NextAttempt(order.StepOpen)); err != nil {
			t.Fatal(err)
		}
	}}
	if o := retry.Classify((commit.Declined{Orders: rows}).Handle(t.Context(), w.declined("evt_1", 5000))); o.Class != retry.ClassDone {
		t.Fatalf("outcome %+v", o)
	}
	row := w.stored(t, w.row.OrderID)
	if row.Version != w.row.Version+2 || row.Payment.LastError == nil || row.Payment.LastError.EventID != "evt_1" {
		t.Errorf("row at version %d with %+v", row.Version, row.Payment)
	}
}
