package expire_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

type world struct {
	now   contracts.Instant
	rows  *memorder.Store
	holds *memhold.Store
	held  order.Order
	sent  []message.Encoded
	// changes is called before each update, as another handler would be.
	changes func()
	fail    map[string]error
}

// newWorld has one order that holds place 0.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: 1_000_500, rows: memorder.New(), fail: map[string]error{}}
	w.holds = memhold.New(func() contracts.Instant { return w.now }, memhold.Options{HoldFor: 5 * time.Minute})
	if _, err := w.holds.Lock(t.Context(), group, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.holds.Load(t.Context(), v1(group), holds.Load{Token: 1, Places: 4}); err != nil {
		t.Fatal(err)
	}
	m := ordertest.Placed(group, "A-1-1")
	if _, err := holdtest.Hold(t.Context(), w.holds, v1(group), holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{0}}); err != nil {
		t.Fatal(err)
	}
	w.held = ordertest.HeldOrder(m)
	ordertest.Put(t, w.rows, w.held)
	w.now = w.held.HoldExpiresAt.Add(seatstate.ExpireAfter)
	return w
}

func (w *world) failing(call string) error {
	err := w.fail[call]
	delete(w.fail, call)
	return err
}

func (w *world) Read(ctx context.Context, id contracts.OrderID) (order.Order, bool, error) {
	if err := w.failing("read"); err != nil {
		return order.Order{}, false, err
	}
	return w.rows.Read(ctx, id)
}

func (w *world) Update(ctx context.Context, before, after order.Order) error {
	if w.changes != nil {
		w.changes()
	}
	if err := w.failing("update"); err != nil {
		return err
	}
	err := w.rows.Update(ctx, before, after)
	if lost := w.failing("update reply"); lost != nil {
		return lost
	}
	return err
}

func (w *world) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	if err := w.failing("release"); err != nil {
		return holds.Release{}, err
	}
	return w.holds.Release(ctx, g, id, version)
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	if err := w.failing("send"); err != nil {
		return err
	}
	w.sent = append(w.sent, messages...)
	return nil
}

func (w *world) handle(t *testing.T, id contracts.OrderID) retry.Outcome {
	t.Helper()
	e, err := message.Encode(message.ExpireHold{OrderID: id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	h := expire.Expire{Orders: w, Ending: seats.Ending{Seats: w, Sender: w}, Now: func() time.Time { return w.now.Time() }}
	return retry.Classify(h.Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body}))
}

func (w *world) check(t *testing.T, status contracts.Status, version int, taken int) {
	t.Helper()
	row, _, err := w.rows.Read(t.Context(), w.held.OrderID)
	if err != nil || row.Status != status || row.Version != version {
		t.Errorf("row is %s at %d (%v), want %s at %d", row.Status, row.Version, err, status, version)
	}
	if got := len(w.holds.Inspect(group).Entries); got != taken {
		t.Errorf("%d places are taken, want %d", got, taken)
	}
}

func TestAHoldThatIsOver(t *testing.T) {
	w := newWorld(t)
	if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassDone {
		t.Fatalf("outcome %+v", o)
	}
	w.check(t, contracts.Expired, 2, 0)
	row, _, _ := w.rows.Read(t.Context(), w.held.OrderID)
	if row.OpenGroup != "" || row.DueAt != 0 {
		t.Errorf("an expired row is still in the index: %+v", row)
	}
	if last := row.History[1]; last.At != w.now || last.Cause != "ExpireHold" || last.MessageID != "m-9" {
		t.Errorf("history ends with %+v", last)
	}
}

func TestTooEarlyComesBackWhenItIsDue(t *testing.T) {
	w := newWorld(t)
	w.now -= 4000
	o := w.handle(t, w.held.OrderID)
	if o.Class != retry.ClassRetryable || o.After != 5*time.Second {
		t.Errorf("outcome %s after %s, want retryable after 5s", o.Class, o.After)
	}
	w.check(t, contracts.Held, 1, 1)
}

func TestRepeatsEndTheSame(t *testing.T) {
	for _, crash := range []string{"read", "update", "update reply", "send"} {
		t.Run("after "+crash, func(t *testing.T) {
			w := newWorld(t)
			w.pays(t)
			w.fail[crash] = errors.New("broken connection")
			if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassRetryable {
				t.Fatalf("outcome %+v", o)
			}
			for range 2 {
				if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassDone {
					t.Fatalf("outcome %+v", o)
				}
			}
			w.check(t, contracts.Expired, 3, 0)
			if len(w.sent) == 0 {
				t.Error("nothing was voided")
			}
		})
	}
}

// pays has the order await its payment.
func (w *world) pays(t *testing.T) {
	t.Helper()
	awaiting, err := w.held.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.held.HeldAt})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Update(t.Context(), w.held, awaiting); err != nil {
		t.Fatal(err)
	}
}

// The buyer's money does not wait for Redis: while the seats cannot be given back, the order ends and its authorisation is
// voided all the same. Mirror gives the seats back.
func TestRedisHoldsUpNoVoid(t *testing.T) {
	for name, down := range map[string]error{
		"no answer": errors.New("broken connection"), "the breaker is open": &retry.BreakerOpenError{Name: "redis", After: time.Second},
		"not loaded, and cannot be": holds.ErrNotLoaded,
	} {
		w := newWorld(t)
		w.pays(t)
		w.fail["release"] = down
		for _, taken := range []int{1, 0} { // the message may come twice, the second time after the outage
			if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassDone {
				t.Errorf("%s: outcome %+v", name, o)
			}
			w.check(t, contracts.Expired, 3, taken)
		}
		if len(w.sent) != 2 || w.sent[0].Attributes.Kind != message.KindVoidPayment {
			t.Errorf("%s: sent %+v", name, w.sent)
		}
	}
	w := newWorld(t)
	w.pays(t)
	w.fail["release"] = &retry.PoisonError{Reason: "invalid_hold"}
	if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassPoison || o.Reason != "invalid_hold" || len(w.sent) != 1 {
		t.Errorf("what nothing cures: %+v, sent %+v", o, w.sent)
	}
}

func TestWhatTheRowMayBe(t *testing.T) {
	for status, frees := range map[contracts.Status]bool{
		contracts.AwaitingPayment: true, contracts.Rejected: true, contracts.Cancelled: true, contracts.Expired: true,
		contracts.Committed: false, contracts.Confirmed: false, contracts.Revoked: false, contracts.Refunded: false,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			other := w.held
			other.Status, other.Version = status, 3
			if err := w.rows.Update(t.Context(), w.held, other); err != nil {
				t.Fatal(err)
			}
			if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassDone {
				t.Fatalf("outcome %+v", o)
			}
			wantStatus, wantVersion, taken := status, 3, 1
			if status.Open() {
				wantStatus, wantVersion = contracts.Expired, 4
			}
			if frees {
				taken = 0
			}
			w.check(t, wantStatus, wantVersion, taken)
		})
	}
}

// The row changes between the read and the write: the handler reads again and acts by what it finds.
func TestARowThatChangesMeanwhile(t *testing.T) {
	w := newWorld(t)
	paid := w.held
	paid.Status, paid.Version = contracts.Committed, 2
	w.changes = func() {
		if err := w.rows.Update(t.Context(), w.held, paid); err != nil {
			t.Fatal(err)
		}
	}
	if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassDone {
		t.Fatalf("outcome %+v", o)
	}
	w.check(t, contracts.Committed, 2, 1)
}

func TestAnOrderThatIsNotThereIsNotOurs(t *testing.T) {
	w := newWorld(t)
	if o := w.handle(t, ordertest.NewID()); o.Class != retry.ClassRefused || o.Reason != "no_row" {
		t.Errorf("outcome %+v", o)
	}
}

func TestOtherMessagesArePoison(t *testing.T) {
	w := newWorld(t)
	rebuild, err := message.Encode(message.RebuildGroup{ConcertID: "c", Group: "A", CommandID: "1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	h := expire.Expire{Orders: w, Ending: seats.Ending{Seats: w, Sender: w}, Now: time.Now}
	for body, reason := range map[string]string{rebuild.Body: "misrouted", "no JSON": retry.ReasonMalformed} {
		if o := retry.Classify(h.Handle(t.Context(), message.Delivery{Body: body})); o.Class != retry.ClassPoison || o.Reason != reason {
			t.Errorf("%s: outcome %+v", body, o)
		}
	}
}
