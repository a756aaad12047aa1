package reserve_test

import (
	"boxoffice/consumers/internal/seats"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

const holdFor = 5 * time.Minute

// world is the handler over stores in memory, with a clock and calls that can be made to fail.
type world struct {
	// unread is a group whose map is not read while the others are.
	unread string
	now    contracts.Instant
	holds  *memhold.Store
	rows   *memorder.Store
	sent   []message.Encoded
	buried []string

	// limit per buyer of the concert; 0 is the default.
	limit  int
	frozen int
	// changes is called before each update, as another handler would be.
	changes func()
	// scripts and puts count the calls that were made.
	scripts, puts, sends, reads int
	// fail makes the named call fail, once, before or after its effect. "put late" fails a put that lands when land is
	// called, as one does whose answer came after the caller's time was over.
	fail map[string]error
	late []order.Order
	// onPut sees each row that is to be put; onRelease each release before it is made.
	onPut     func(row order.Order)
	onRelease func(g contracts.SeatGroup, id contracts.OrderID)
	// onRead is called before each read of a row, after it was counted.
	onRead func()
}

// land lets the late puts arrive.
func (w *world) land(ctx context.Context) {
	w.rows.PutAll(ctx, w.late)
	w.late = nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: 2_000_000, rows: memorder.New(), frozen: 1, fail: map[string]error{}}
	w.holds = memhold.New(func() contracts.Instant { return w.now }, memhold.Options{HoldFor: holdFor})
	return w
}

func (w *world) place() reserve.Place {
	return reserve.Place{
		Seats: w.seats(), Orders: w, Catalogue: w, Sender: w, Pace: w,
		Now: func() time.Time { return w.now.Time() },
	}
}

func (w *world) loader() *seats.Loader {
	return seats.NewLoader(w.rows, w.rows, w, w.holds, nil, seats.LoaderOptions{Wait: func(context.Context, time.Duration) error { return nil }})
}

// kinds are those of what was sent, in order.
func (w *world) kinds() string {
	var kinds []string
	for _, m := range w.sent {
		kinds = append(kinds, string(m.Attributes.Kind))
	}
	return strings.Join(kinds, " ")
}

// seats is the Store of the handlers. Its calls are those of the world.
func (w *world) seats() *seats.Store { return seats.NewStore(w, w.loader()) }

func (w *world) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	return w.holds.Sell(ctx, g, id, places, version)
}

func (w *world) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return w.holds.Restore(ctx, g, id, places, version)
}

func (w *world) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	return w.holds.Loaded(ctx, g)
}

func (w *world) ending() seats.Ending { return seats.Ending{Seats: w.seats(), Sender: w} }

func (w *world) failing(call string) error {
	err := w.fail[call]
	delete(w.fail, call)
	return err
}

func (w *world) Concert(context.Context, string) (readmodel.Concert, error) {
	return readmodel.Concert{ConcertID: group.ConcertID, LayoutVersion: w.frozen, LayoutFrozen: w.frozen, LimitPerBuyer: w.limit}, w.failing("concert")
}

// layout has three groups of a row of six seats each.
func layout() []readmodel.LayoutGroup {
	var groups []readmodel.LayoutGroup
	for _, name := range []string{"A", "B", "C"} {
		g := readmodel.LayoutGroup{Group: name, Section: "S", Kind: readmodel.KindSeats, Price: contracts.Money{Minor: 4500, Currency: "EUR"}}
		for n := range 6 {
			g.Seats = append(g.Seats, fmt.Sprintf("%s-1-%d", name, n+1))
		}
		g.Rows = []readmodel.LayoutRow{{Name: "1", Seats: g.Seats}}
		groups = append(groups, g)
	}
	return groups
}

func (w *world) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
	return layout(), nil
}

func (w *world) LayoutGroup(_ context.Context, _ string, _ int, name string) (readmodel.LayoutGroup, error) {
	for _, g := range layout() {
		if g.Group == name {
			return g, nil
		}
	}
	return readmodel.LayoutGroup{}, errors.New("no such group")
}

func (w *world) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	if err := w.failing("forward"); err != nil {
		return holds.Answer{}, err
	}
	w.scripts++
	a, err := w.holds.Forward(ctx, g, id, hash, to)
	if lost := w.failing("forward reply"); lost != nil {
		return holds.Answer{}, lost
	}
	return a, err
}

func (w *world) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	if err := w.failing("maps"); err != nil {
		return nil, err
	}
	maps, err := w.holds.Maps(ctx, groups)
	for i, g := range groups {
		if w.unread == "" || g.Group != w.unread {
			continue
		}
		maps[i] = seatstate.Snapshot{}
		err = &holds.UnreadError{Groups: []contracts.SeatGroup{{ConcertID: group.ConcertID, Group: w.unread}}, Err: errors.New("connection refused")}
	}
	return maps, err
}

func (w *world) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	if err := w.failing("hold"); err != nil {
		return nil, err
	}
	w.scripts++
	a, err := w.holds.Hold(ctx, g, run)
	if lost := w.failing("hold reply"); lost != nil {
		return nil, lost
	}
	return a, err
}

// Leave implements reserve.Pace.
func (w *world) Leave(context.Context, contracts.Instant) {}

func (w *world) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	if err := w.failing("release"); err != nil {
		return holds.Release{}, err
	}
	if w.onRelease != nil {
		w.onRelease(g.SeatGroup, id)
	}
	return w.holds.Release(ctx, g, id, version)
}

func (w *world) PutAll(ctx context.Context, puts []order.Order) []order.PutResult {
	results := make([]order.PutResult, len(puts))
	unknown := map[string]bool{}
	for i, p := range puts {
		if p.Counted > 0 && unknown[p.UserID] {
			results[i].Err = errors.New("an earlier order of the buyer is not known")
			continue
		}
		if w.onPut != nil {
			w.onPut(p)
		}
		if err := w.failing("put late"); err != nil {
			w.late = append(w.late, p)
			unknown[p.UserID] = true
			results[i].Err = err
			continue
		}
		if err := w.failing("put"); err != nil {
			unknown[p.UserID] = true
			results[i].Err = err
			continue
		}
		w.puts++
		results[i] = w.rows.PutAll(ctx, []order.Order{p})[0]
		if lost := w.failing("put reply"); lost != nil {
			unknown[p.UserID] = true
			results[i] = order.PutResult{Err: lost}
		}
	}
	return results
}

func (w *world) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	if err := w.failing("keep"); err != nil {
		return "", err
	}
	return w.holds.Keep(ctx, g, k)
}

func (w *world) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	if err := w.failing("tickets"); err != nil {
		return nil, err
	}
	return w.rows.Tickets(ctx, g)
}

func (w *world) RejectLost(ctx context.Context, before, after order.Order, seat string) error {
	if w.changes != nil {
		w.changes()
	}
	if err := w.failing("update"); err != nil {
		return err
	}
	err := w.rows.RejectLost(ctx, before, after, seat)
	if lost := w.failing("update reply"); lost != nil {
		return lost
	}
	return err
}

func (w *world) Read(ctx context.Context, id contracts.OrderID) (order.Order, bool, error) {
	if err := w.failing("read"); err != nil {
		return order.Order{}, false, err
	}
	w.reads++
	if w.onRead != nil {
		w.onRead()
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

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	if err := w.failing("send"); err != nil {
		return err
	}
	w.sends++
	w.sent = append(w.sent, messages...)
	return nil
}

func (w *world) Copy(_ context.Context, d message.Delivery, reason string) error {
	if err := w.failing("copy"); err != nil {
		return err
	}
	w.buried = append(w.buried, d.MessageID+" "+reason)
	return nil
}

func (w *world) handle(t *testing.T, m message.PlaceOrder) retry.Outcome {
	t.Helper()
	return retry.Classify(w.place().HandleRun(t.Context(), []reserve.Placing{{
		Delivery: message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: w.now}, Message: m,
	}})[0])
}

func (w *world) row(t *testing.T, id contracts.OrderID) order.Order {
	t.Helper()
	o, found, err := w.rows.Read(t.Context(), id)
	if err != nil || !found {
		t.Fatalf("order %s has no row (%v)", id, err)
	}
	return o
}

// taken lists the places that are not free in Redis.
func (w *world) taken() []int {
	var places []int
	for p := range w.holds.Inspect(group).Entries {
		places = append(places, p)
	}
	slices.Sort(places)
	return places
}

func (w *world) placed(seats ...string) message.PlaceOrder {
	m := ordertest.Placed(group, seats...)
	m.AcceptedAt, m.Deadline = w.now, w.now.Add(2*time.Minute)
	return m
}

func want(t *testing.T, got retry.Outcome, class retry.Class, reason string) {
	t.Helper()
	if got.Class != class || got.Reason != reason {
		t.Fatalf("outcome is %s %q (%v), want %s %q", got.Class, got.Reason, got.Err, class, reason)
	}
}

func TestHeld(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-2", "A-1-1")
	want(t, w.handle(t, m), retry.ClassDone, "")

	row := w.row(t, m.OrderID)
	if row.Status != contracts.Held || row.Version != 1 || *row.Amount != (contracts.Money{Minor: 9000, Currency: "EUR"}) {
		t.Errorf("row is %+v", row)
	}
	if row.HeldAt != w.now || row.HoldExpiresAt != w.now.Add(holdFor) || row.Fence != "00000000000000000007" {
		t.Errorf("held from %s to %s, fence %s", row.HeldAt, row.HoldExpiresAt, row.Fence)
	}
	if !slices.Equal(row.Seats, []string{"A-1-2", "A-1-1"}) || !slices.Equal(w.taken(), []int{0, 1}) {
		t.Errorf("seats %v, places %v", row.Seats, w.taken())
	}
	if got := w.kinds(); got != "OpenPayment ExpireHold" || w.sent[0].Group != string(m.OrderID) || w.sent[1].Group != group.Key() {
		t.Errorf("sent %+v", w.sent)
	}
}

func TestTaken(t *testing.T) {
	w := newWorld(t)
	want(t, w.handle(t, w.placed("A-1-1")), retry.ClassDone, "")
	late := w.placed("A-1-1", "A-1-2")
	want(t, w.handle(t, late), retry.ClassRefused, "seat_taken")
	row := w.row(t, late.OrderID)
	if row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonSeatTaken || !slices.Equal(row.Reason.Seats, []string{"A-1-1"}) || row.Amount != nil {
		t.Errorf("row is %+v, reason %+v", row, row.Reason)
	}
	if !slices.Equal(w.taken(), []int{0}) || len(w.sent) != 2 {
		t.Errorf("places %v are taken, %d messages sent", w.taken(), len(w.sent))
	}
}

func TestPastItsDeadline(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	w.now = m.Deadline + 1
	want(t, w.handle(t, m), retry.ClassRefused, "deadline_passed")
	if row := w.row(t, m.OrderID); row.Reason.Code != contracts.ReasonDeadlinePassed || len(w.taken()) != 0 {
		t.Errorf("reason %+v, places %v", row.Reason, w.taken())
	}
}

func TestAtItsDeadlineItIsStillDecided(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	w.now = m.Deadline
	want(t, w.handle(t, m), retry.ClassDone, "")
}

func TestAnotherLayout(t *testing.T) {
	w := newWorld(t)
	w.frozen = 2
	m := w.placed("A-1-1")
	want(t, w.handle(t, m), retry.ClassRefused, "layout_changed")
	if row := w.row(t, m.OrderID); row.Reason.Code != contracts.ReasonLayoutChanged {
		t.Errorf("reason %+v", row.Reason)
	}
}

func TestASeatThatTheLayoutDoesNotHaveIsPoison(t *testing.T) {
	w := newWorld(t)
	want(t, w.handle(t, w.placed("A-9-9")), retry.ClassPoison, "unknown_seat")
}

// The order of the events below is a crash between two steps each: what comes back finds the effect of the steps
// before and goes on to the same end.
func TestRepeatsEndTheSame(t *testing.T) {
	for _, crash := range []string{"", "concert", "hold", "hold reply", "put", "put reply", "send"} {
		t.Run("after "+crash, func(t *testing.T) {
			w := newWorld(t)
			m := w.placed("A-1-1", "A-1-2")
			if crash != "" {
				w.fail[crash] = errors.New("broken connection")
				want(t, w.handle(t, m), retry.ClassRetryable, "")
			}
			w.now += 30_000
			for range 2 {
				want(t, w.handle(t, m), retry.ClassDone, "")
			}
			row := w.row(t, m.OrderID)
			if row.Status != contracts.Held || row.Version != 1 || !slices.Equal(w.taken(), []int{0, 1}) {
				t.Errorf("row %+v, places %v", row, w.taken())
			}
			record := w.holds.Inspect(group).Records[m.OrderID]
			if record.HoldExpiresAt != row.HoldExpiresAt || record.HeldAt != row.HeldAt {
				t.Errorf("Redis holds until %s, the row until %s", record.HoldExpiresAt, row.HoldExpiresAt)
			}
			ids := map[string]bool{}
			for _, sent := range w.sent {
				ids[sent.DeduplicationID] = true
			}
			if len(ids) != 2 { // OpenPayment and ExpireHold, each as often as it likes
				t.Errorf("sent %v", ids)
			}
		})
	}
}

// A hold whose row was not written before it lapsed is over: the order is refused, not held a second time.
func TestAHoldThatLapsedBeforeItsRowIsNotMadeAgain(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	m.Deadline = w.now.Add(time.Hour)
	w.fail["put"] = errors.New("broken connection")
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	w.now = w.now.Add(holdFor + seatstate.LapseAfter)
	want(t, w.handle(t, m), retry.ClassRefused, "deadline_passed")
	if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || len(w.taken()) != 0 {
		t.Errorf("row %s, places %v", row.Status, w.taken())
	}
}

// The same key sent with two bodies for two groups: the row of one stands, and what the other group holds goes back.
func TestTheSameKeyInAnotherGroupGivesItsHoldBack(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	elsewhere := m
	elsewhere.Group, elsewhere.Seats = "B", []string{"B-1-1"}
	elsewhere.RequestHash = contracts.RequestHash(elsewhere.ConcertID, elsewhere.Seats)
	ordertest.Put(t, w.rows, ordertest.HeldOrder(elsewhere))
	want(t, w.handle(t, m), retry.ClassDone, "")
	if len(w.taken()) != 0 || len(w.sent) != 0 {
		t.Errorf("places %v are taken, sent %v", w.taken(), w.sent)
	}
}

// Another body under the same key in the same group leaves the first as it is.
func TestTheSameKeyInTheSameGroupLeavesTheFirst(t *testing.T) {
	w := newWorld(t)
	first := w.placed("A-1-1")
	want(t, w.handle(t, first), retry.ClassDone, "")
	second := first
	second.Seats = []string{"A-1-2"}
	second.RequestHash = contracts.RequestHash(second.ConcertID, second.Seats)
	want(t, w.handle(t, second), retry.ClassRefused, "other_body")
	if !slices.Equal(w.taken(), []int{0}) || !slices.Equal(w.row(t, first.OrderID).Seats, []string{"A-1-1"}) {
		t.Errorf("places %v", w.taken())
	}
}

// Every status that the row may have when the message comes again.
func TestRowsThatAreThereAlready(t *testing.T) {
	for status, keeps := range map[contracts.Status]bool{
		contracts.Held: true, contracts.AwaitingPayment: true, contracts.Committed: true, contracts.Confirmed: true,
		contracts.Rejected: false, contracts.Expired: false, contracts.Cancelled: false, contracts.Revoked: false, contracts.Refunded: false,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			m := w.placed("A-1-1")
			row := ordertest.HeldOrder(m)
			row.Status, row.Version = status, 4
			ordertest.Put(t, w.rows, row)
			want(t, w.handle(t, m), retry.ClassDone, "")
			if got := len(w.taken()) == 1; got != keeps {
				t.Errorf("the hold is kept: %v, want %v", got, keeps)
			}
			// The payment of an order that awaits it is open already.
			if got := w.kinds(); got != map[contracts.Status]string{contracts.Held: "OpenPayment ExpireHold", contracts.AwaitingPayment: "ExpireHold"}[status] {
				t.Errorf("sent %q", got)
			}
			if after := w.row(t, m.OrderID); after.Version != 4 || after.Status != status {
				t.Errorf("the row became %s at version %d", after.Status, after.Version)
			}
		})
	}
}

func TestBurial(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	encoded, err := message.Encode(m, "trace")
	if err != nil {
		t.Fatal(err)
	}
	burial := reserve.Burial{Orders: w, DeadLetters: w, Now: func() time.Time { return w.now.Time() }}
	d := message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: w.now - 500, Attributes: encoded.Attributes, Body: "not JSON"}

	w.fail["copy"] = errors.New("broken connection")
	if err := burial.Bury(t.Context(), d, "malformed"); err == nil {
		t.Error("a copy that failed is not reported")
	}
	if err := burial.Bury(t.Context(), d, "malformed"); err != nil {
		t.Fatal(err)
	}
	row := w.row(t, m.OrderID)
	if row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonInternal || row.UserID != m.UserID || row.AcceptedAt != w.now-500 || row.Version != 1 {
		t.Errorf("row is %+v", row)
	}
	if !slices.Equal(w.buried, []string{"m-1 malformed"}) {
		t.Errorf("buried %v", w.buried)
	}
}

func TestBurialLeavesARowAndOtherKindsAlone(t *testing.T) {
	w := newWorld(t)
	held := ordertest.HeldOrder(w.placed("A-1-1"))
	ordertest.Put(t, w.rows, held)
	burial := reserve.Burial{Orders: w, DeadLetters: w, Now: func() time.Time { return w.now.Time() }}
	for _, a := range []message.Attributes{
		{Kind: message.KindPlaceOrder, OrderID: held.OrderID},
		{Kind: message.KindPlaceOrder, OrderID: "not an order id"},
		{Kind: message.KindRebuildGroup},
		{},
	} {
		if err := burial.Bury(t.Context(), message.Delivery{MessageID: "m", Attributes: a}, "r"); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	if row := w.row(t, held.OrderID); row.Status != contracts.Held || row.Version != 1 || len(w.buried) != 4 {
		t.Errorf("row %s at %d, buried %v", row.Status, row.Version, w.buried)
	}
}

func TestDispatch(t *testing.T) {
	w := newWorld(t)
	now := func() time.Time { return w.now.Time() }
	d := reserve.Dispatcher{
		Place:   w.place(),
		Cancel:  reserve.Cancel{Orders: w, Ending: w.ending(), Now: now},
		Settle:  reserve.Settle{Seats: w.seats(), Orders: w, Tickets: w, Catalogue: w, Ending: w.ending(), Now: now},
		Expire:  expire.Expire{Orders: w, Ending: w.ending(), Now: now},
		Rebuild: seats.Rebuild{Concerts: w, Groups: w.seats()},
	}
	encode := func(m message.Message) string {
		e, err := message.Encode(m, "")
		if err != nil {
			t.Fatal(err)
		}
		return e.Body
	}
	m := w.placed("A-1-1")
	for _, test := range []struct {
		body   string
		class  retry.Class
		reason string
	}{
		{encode(message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"}), retry.ClassDone, ""},
		{encode(m), retry.ClassDone, ""},
		{encode(message.ExpireHold{OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1, Run: 1}), retry.ClassRetryable, ""},
		{encode(message.CancelOrder{OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, CommandID: "v1"}), retry.ClassDone, ""},
		{encode(message.SettleOrder{OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, Reason: contracts.ReasonInternal, CommandID: "c"}), retry.ClassDone, ""},
		{"{}", retry.ClassPoison, retry.ReasonUnknownKind},
		{"no JSON", retry.ClassPoison, retry.ReasonMalformed},
		{`{"kind":"PlaceOrder","v":99}`, retry.ClassPoison, retry.ReasonUnknownVersion},
	} {
		want(t, retry.Classify(d.Handle(t.Context(), message.Delivery{MessageID: "m", SequenceNumber: "1", Body: test.body})), test.class, test.reason)
	}
	if !w.holds.Inspect(group).Loaded {
		t.Error("the group was not loaded")
	}
}
