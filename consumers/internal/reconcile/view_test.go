package reconcile_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// sellOne makes a place of group A sold in Redis and in the tables.
func (w *fixture) sellOne(t *testing.T) {
	t.Helper()
	o := w.seated(t, contracts.Confirmed, "A-1-3")
	if _, err := w.Holds.Sell(t.Context(), v1(group("A")), o.OrderID, []int{2}, o.Version); err != nil {
		t.Fatal(err)
	}
}

func TestOverviewShowsSeatsOrdersAndQueues(t *testing.T) {
	w := newFixture(t)
	w.sellOne(t)
	held := w.seated(t, contracts.AwaitingPayment, "A-1-1", "A-1-2")
	w.holding(t, held.OrderID, 0, 1)
	w.held(t, "B", contracts.Held, w.Instant()-second)
	w.held(t, "B", contracts.Committed, w.Instant()-second)
	w.view.Count(readmodel.SettledOrders{Item: readmodel.SettledItem, Since: 7, Confirmed: 4, Expired: 2})
	lag := 350 * time.Millisecond
	w.view.decisions = &lag
	w.view.depths["orders"] = reconcile.QueueDepth{Name: "orders", Visible: 3, InFlight: 1}
	w.view.depths["expiries"] = reconcile.QueueDepth{Name: "expiries", Delayed: 9}
	w.Catalog.Concerts[0].Tiers = []readmodel.Tier{{ID: "dear", Price: contracts.Money{Minor: 1}}, {ID: "gold"}}
	w.view.depths["authorizations"] = reconcile.QueueDepth{Name: "authorizations", Visible: 2}
	if report, err := w.run(t); err != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	o := w.view.overview(t)
	if o.At != w.Instant() || len(o.Missing) > 0 || o.LeftOut != 0 || len(o.Queues) != len(w.view.topology.Queues) {
		t.Errorf("overview %+v", o)
	}
	wantTotals := []readmodel.ConcertTotals{{ConcertID: "nocturne", Sale: readmodel.SaleOpen, At: w.Instant(), Groups: 2, Known: 2, Free: 77, Held: 2, Sold: 1}}
	if !reflect.DeepEqual(o.Concerts, wantTotals) {
		t.Errorf("concerts %+v", o.Concerts)
	}
	wantOrders := readmodel.OrderCounts{
		Open: map[contracts.Status]int{contracts.Held: 1, contracts.AwaitingPayment: 1, contracts.Committed: 1}, OpenAt: w.Instant(), SettledSince: 7,
		Settled: map[contracts.Status]int{contracts.Confirmed: 4, contracts.Expired: 2, contracts.Rejected: 0, contracts.Cancelled: 0, contracts.Revoked: 0, contracts.Refunded: 0},
	}
	if !reflect.DeepEqual(o.Orders, wantOrders) {
		t.Errorf("orders %+v, want %+v", o.Orders, wantOrders)
	}
	if q := queueOf(t, o, "orders"); *q.Visible != 3 || *q.InFlight != 1 || *q.LagMs != 350 || *q.DeadLetters != 0 || len(q.History) != 1 {
		t.Errorf("orders: %+v", q)
	}
	// An empty queue has no lag; that of a queue whose handler leaves none is not known.
	if q := queueOf(t, o, "expiries"); *q.LagMs != 0 || *q.Delayed != 9 {
		t.Errorf("expiries: %+v", q)
	}
	if q := queueOf(t, o, "authorizations"); q.LagMs != nil || q.History[0].LagMs != nil {
		t.Errorf("authorizations: %+v", q)
	}
	if q := queueOf(t, o, "orders-dead"); q.DeadLetters != nil {
		t.Errorf("orders-dead: %+v", q)
	}
	seats := w.view.Seats("nocturne")
	if len(seats.Groups) != 2 || seats.Groups[0].Free != 37 || seats.Groups[0].Held != 2 || seats.Groups[0].Sold != 1 || seats.Groups[1].Free != 40 || seats.Groups[0].Tier != "gold" ||
		seats.ExpiresAt != w.Instant().Add(readmodel.ConcertSeatsKept).Time().Unix() {
		t.Errorf("seats %+v", seats)
	}
	if got := w.view.sales(t); got.At != w.Instant() || !maps.Equal(got.Concerts, map[string]readmodel.SeatCount{"nocturne": {At: w.Instant(), Free: 77, Total: 80}}) {
		t.Errorf("sales %+v", got)
	}
	if len(o.Alarms) > 0 || !slices.Contains(o.Unchecked, "mirror-late") || !slices.Contains(o.Unchecked, "authorizations-wait") || slices.Contains(o.Unchecked, "orders-wait") {
		t.Errorf("alarms %+v, unchecked %v", o.Alarms, o.Unchecked)
	}
}

func TestOverviewWithoutASale(t *testing.T) {
	w := newFixture(t)
	w.Catalog.Concerts = nil
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	if o, sales := w.view.overview(t), w.view.sales(t); o.Concerts == nil || len(o.Concerts) > 0 || o.LeftOut != 0 || len(sales.Concerts) > 0 || len(o.Missing) != 1 {
		t.Errorf("overview %+v, sales %+v", o, sales) // settled was never counted
	}
}

// A group that is not in Redis is loading: its seats are not known, and the catalogue shows no number for its concert.
func TestGroupThatIsLoadingHasNoSeats(t *testing.T) {
	w := newFixture(t)
	w.Holds.Wipe(group("B"))
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	o, seats := w.view.overview(t), w.view.Seats("nocturne")
	if c := o.Concerts[0]; c.Groups != 2 || c.Known != 1 || c.Free != 40 {
		t.Errorf("totals %+v", c)
	}
	if g := seats.Groups[1]; g.State != readmodel.GroupLoading || g.Free+g.Held+g.Sold != 0 {
		t.Errorf("group %+v", g)
	}
	if sales := w.view.sales(t); len(sales.Concerts) > 0 {
		t.Errorf("sales %+v", sales)
	}
}

// While Redis is down a run writes what else it knows. Seats stay as they were, with the time at which they were read, and the
// catalogue shows them for five minutes.
func TestOverviewWhileRedisIsDown(t *testing.T) {
	w := newFixture(t)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	first := w.Instant()
	w.failing(append(slices.Clone(world.RedisCalls), readLags)...)
	w.view.breakers = []readmodel.OpenBreaker{{Name: "redis", Since: first + second}}
	for i := 1; i <= 6; i++ {
		w.Advance(time.Minute)
		if _, err := w.run(t); err == nil {
			t.Fatal("no error")
		}
		o := w.view.overview(t)
		if o.At != w.Instant() || !slices.Equal(o.Missing, []string{readmodel.PartLags, readmodel.PartSettled, readmodel.PartSeats}) {
			t.Errorf("at %d: missing %v", o.At, o.Missing)
		}
		if len(o.Concerts) != 1 || o.Concerts[0].At != first || o.Concerts[0].Free != 80 || len(o.Breakers) != 1 || queueOf(t, o, "orders").Visible == nil {
			t.Errorf("overview %+v", o)
		}
		if got := raised(o)["breaker-open"]; got.Since != first+minute || got.Value != 1 {
			t.Errorf("alarm %+v", got)
		}
		sales := w.view.sales(t)
		if count, shown := sales.Concerts["nocturne"]; shown != (i <= 5) || shown && count.At != first {
			t.Errorf("after %d minutes: sales %+v", i, sales)
		}
		if got := raised(o)["reconcile-fails"]; (got.Value > 2) != (i >= 3) {
			t.Errorf("after %d failed runs: %+v", i, got)
		}
	}
	w.Heal()
	w.view.breakers = nil
	w.Advance(time.Minute)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	if o := w.view.overview(t); o.Concerts[0].At != w.Instant() || len(raised(o)) != 1 || len(w.view.sales(t).Concerts) != 1 {
		t.Errorf("overview %+v", o) // reconcile-fails for some minutes more
	}
}

// If only some groups can be read, the others are shown as they were.
func TestGroupsThatAreNotReadStayAsTheyWere(t *testing.T) {
	w := newFixture(t)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	first := w.Instant()
	w.Unread = []contracts.SeatGroup{group("B")}
	w.Advance(time.Minute)
	if _, err := w.run(t); err == nil {
		t.Fatal("no error")
	}
	seats, o := w.view.Seats("nocturne"), w.view.overview(t)
	if len(seats.Groups) != 2 || seats.Groups[0].At != w.Instant() || seats.Groups[1].At != first || o.Concerts[0].At != first || o.Concerts[0].Known != 2 {
		t.Errorf("seats %+v, totals %+v", seats, o.Concerts[0])
	}
	if count := w.view.sales(t).Concerts["nocturne"]; count.At != first || count.Total != 80 {
		t.Errorf("sales %+v", count)
	}
}

// If the last overview cannot be read, the run writes none: it would lose the history. The last one stays, and shows its age.
func TestNoOverviewWithoutTheLast(t *testing.T) {
	for _, fault := range []world.Fault{world.Fails(readView), world.Fails(writeView).About(readmodel.OverviewItem)} {
		w := newFixture(t)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		before := w.view.overview(t)
		w.Inject(fault)
		w.Advance(time.Minute)
		if _, err := w.run(t); err == nil {
			t.Errorf("%s: no error", fault)
		}
		if o := w.view.overview(t); !reflect.DeepEqual(o, before) {
			t.Errorf("%s: overview %+v", fault, o)
		}
		w.Advance(time.Minute)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		if o := w.view.overview(t); o.At != w.Instant() || len(queueOf(t, o, "orders").History) != 2 {
			t.Errorf("%s: overview %+v", fault, o)
		}
	}
}

// A part that cannot be read is named, and its figures are left out; everything else is there.
func TestAPartOfTheOverviewThatIsMissing(t *testing.T) {
	for call, part := range map[world.Call]string{
		countQueues: readmodel.PartQueues, readLags: readmodel.PartLags, listLetters: readmodel.PartLetters, world.DuePage: readmodel.PartOrders,
		world.Concerts: readmodel.PartSeats,
	} {
		w := newFixture(t)
		w.view.Count(readmodel.SettledOrders{})
		w.failing(call)
		if _, err := w.run(t); err == nil {
			t.Errorf("%s: no error", call)
		}
		o := w.view.overview(t)
		q := queueOf(t, o, "orders")
		if !slices.Equal(o.Missing, []string{part}) || (q.Visible == nil) != (call == countQueues) ||
			(q.DeadLetters == nil) != (call == countQueues || call == listLetters) || (o.Orders.Open == nil) != (call == world.DuePage) {
			t.Errorf("%s: missing %v, %+v, %+v", call, o.Missing, q, o.Orders)
		}
		if slices.Contains(o.Unchecked, "events-refused") != (call == listLetters) {
			t.Errorf("%s: unchecked %v", call, o.Unchecked)
		}
	}
}

// An item of a later version of the program counts as none: a new history begins.
func TestOverviewAfterALaterVersion(t *testing.T) {
	w := newFixture(t)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	later := w.view.overview(t)
	later.Form++
	if err := w.view.Memory.Write(t.Context(), reconcile.ViewItems{Overview: &later}); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	if o := w.view.overview(t); o.Form != readmodel.OverviewForm || len(queueOf(t, o, "orders").History) != 1 {
		t.Errorf("overview %+v", o)
	}
}

// The history has a point a minute for 15 minutes, however often reconcile runs.
func TestHistoryOfAQueue(t *testing.T) {
	w := newFixture(t)
	for i := range 40 {
		w.view.depths["orders"] = reconcile.QueueDepth{Name: "orders", Visible: i}
		if i == 20 {
			w.Inject(world.Fails(countQueues))
		}
		if _, err := w.run(t); (err != nil) != (i == 20) {
			t.Fatal(err)
		}
		w.Advance(30 * time.Second)
	}
	w.Advance(-30 * time.Second)
	points := queueOf(t, w.view.overview(t), "orders").History
	if len(points) != 15 || points[14].Visible != 39 {
		t.Fatalf("%d points: %+v", len(points), points)
	}
	for i, p := range points[:14] {
		if next := points[i+1].At; int64(next)/60_000-int64(p.At)/60_000 != 1 || w.Instant().Sub(p.At) >= 15*time.Minute {
			t.Errorf("points %+v", points)
		}
	}
}

func TestAlarmsThatARunChecks(t *testing.T) {
	w := newFixture(t)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	slow := 90 * time.Second
	w.view.decisions, w.view.payments = &slow, &slow
	w.view.depths["orders"] = reconcile.QueueDepth{Name: "orders", Visible: 5}
	w.view.depths["payments-dead"] = reconcile.QueueDepth{Name: "payments-dead", InFlight: 1}
	w.view.differences = []readmodel.LetterKey{
		{List: readmodel.ListDifferences, ListedAt: fmt.Sprintf("%013d#differences", w.Instant()-30*second), MessageKey: "difference#pi_1#x#0"},
		{List: readmodel.ListDifferences, ListedAt: fmt.Sprintf("%013d#differences", w.Instant()-90*second), MessageKey: "difference#pi_2#x#0"},
	}
	w.letter(t, 0, "g", message.Attributes{Kind: message.KindExpireHold}, "body", "malformed")
	w.letter(t, 0, "h", message.Attributes{Kind: message.KindExpireHold}, "body", "")
	if err := w.DeadLetters().Keep(t.Context(), readmodel.DeadLetter{MessageKey: readmodel.EventKey("e1", 2), At: w.Instant() - second}.Fitted()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	o := w.view.overview(t)
	got := map[string]float64{}
	for name, a := range raised(o) {
		if got[name] = a.Value; a.Since != w.Instant() {
			t.Errorf("%s since %d", name, a.Since)
		}
	}
	want := map[string]float64{
		"orders-wait": 90_000, "payments-wait": 90, "messages-poisoned": 1, "dead-letters": 2, "events-refused": 1, "ledger-differences": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("alarms %v, want %v", got, want)
	}
	if q := queueOf(t, o, "orders"); *q.DeadLetters != 2 {
		t.Errorf("orders has %d letters", *q.DeadLetters)
	}
	if q := queueOf(t, o, "payments"); *q.DeadLetters != 1 {
		t.Errorf("payments has %d letters", *q.DeadLetters)
	}
	// Orders stand still: at each look a message waits, and nobody decides.
	w.view.decisions = nil
	since := contracts.Instant(0)
	for i := range 4 {
		w.Advance(time.Minute)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		a, is := raised(w.view.overview(t))["orders-stand-still"]
		if is != (i >= 2) || is && since != 0 && a.Since != since {
			t.Errorf("look %d: %+v", i, a)
		}
		since = a.Since
	}
}

// With more groups on sale than a run looks at, the overview keeps what earlier runs have seen, each with its time, and the catalogue
// shows what is at most five minutes old.
func TestOverviewOfMoreGroupsThanARunLooksAt(t *testing.T) {
	m := newMany(t, 30, 100)
	for range 20 {
		if _, err := m.run(t); err != nil {
			t.Fatal(err)
		}
		o := m.view.overview(t)
		for _, c := range o.Concerts {
			if c.Known > c.Groups || c.Free != 4*c.Known || m.Instant()-c.At > 20*minute {
				t.Fatalf("totals %+v", c)
			}
		}
		if len(o.Concerts)+o.LeftOut != 30 {
			t.Fatalf("%d concerts and %d left out", len(o.Concerts), o.LeftOut)
		}
		for id, count := range m.view.sales(t).Concerts {
			if count.Free != 400 || count.Total != 400 || m.Instant()-count.At > 5*minute {
				t.Fatalf("%s: %+v", id, count)
			}
		}
		m.SetTime(m.Instant() + minute)
		m.restart() // no process needs to remember anything
	}
	if o := m.view.overview(t); len(o.Concerts) != 30 || slices.ContainsFunc(o.Concerts, func(c readmodel.ConcertTotals) bool { return c.Known < 100 }) {
		t.Errorf("after 20 runs: %+v", o.Concerts)
	}
	if n := len(m.view.sales(t).Concerts); n < 20 {
		t.Errorf("%d concerts have free seats", n)
	}
}

// Beyond its bounds the overview counts what it leaves out.
func TestOverviewAtItsBounds(t *testing.T) {
	m := newMany(t, 250, 2)
	m.concert("large", readmodel.MaxConcertGroups+1, 140*minute)
	if _, err := m.run(t); err != nil {
		t.Fatal(err)
	}
	o := m.view.overview(t)
	if len(o.Concerts) != readmodel.MaxOverviewConcerts || o.LeftOut < 51 || o.Concerts[0].ConcertID != "large" {
		t.Errorf("%d concerts, %d left out, first %+v", len(o.Concerts), o.LeftOut, o.Concerts[0])
	}
	if c := o.Concerts[0]; c.Groups != readmodel.MaxConcertGroups+1 || c.Known > readmodel.MaxConcertGroups {
		t.Errorf("totals %+v", c)
	}
	if _, shown := m.view.sales(t).Concerts["large"]; shown {
		t.Error("a concert of which a group is not known has a count")
	}
}

// A concert whose sale is over leaves the count of free seats, and the overview an hour later.
func TestConcertLeavesTheOverview(t *testing.T) {
	w := newFixture(t)
	for _, c := range []struct {
		at     contracts.Instant
		listed int
		shown  int
		sale   readmodel.SaleState
	}{{150 * minute, 1, 1, readmodel.SaleOpen}, {201 * minute, 1, 0, readmodel.SaleOver}, {261 * minute, 0, 0, ""}} {
		w.SetTime(c.at)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		o := w.view.overview(t)
		if len(o.Concerts) != c.listed || len(w.view.sales(t).Concerts) != c.shown || c.listed > 0 && o.Concerts[0].Sale != c.sale {
			t.Errorf("at %d: %+v, %+v", c.at, o.Concerts, w.view.sales(t))
		}
	}
}

// The open orders are counted once each, also if the index takes more runs than one.
func TestOpenOrdersAreKnownOnceTheWholeIndexIsRead(t *testing.T) {
	w := newFixture(t)
	for range 5 {
		w.held(t, "A", contracts.Held, w.Instant()-second)
	}
	w.Inject(world.Fails(world.DuePage))
	if _, err := w.run(t); err == nil {
		t.Fatal("no error")
	}
	if o := w.view.overview(t); o.Orders.Open != nil || o.Orders.OpenAt != 0 {
		t.Errorf("orders %+v", o.Orders)
	}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	if o := w.view.overview(t); o.Orders.Open[contracts.Held] != 5 {
		t.Errorf("orders %+v", o.Orders)
	}
}

// The alarms that a run checks are alarms of the topology.
func TestCheckedAlarmsAreInTheTopology(t *testing.T) {
	w := newFixture(t)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	if n, all := len(w.view.overview(t).Unchecked), len(w.view.topology.Alarms); all-n != 14 {
		t.Errorf("%d of %d alarms are checked, want 14", all-n, all)
	}
}

// An index that was made without the status of its orders gives no counts: none is shown as 0.
func TestOverviewCountsNoOrdersWithoutTheirStatus(t *testing.T) {
	w := newFixture(t)
	w.seated(t, "", "A-1-1")
	if report, err := w.run(t); err != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	if o := w.view.overview(t); o.Orders.Open != nil || !slices.Contains(o.Missing, "orders") {
		t.Errorf("orders %+v, missing %v", o.Orders, o.Missing)
	}
}

// A layout says which tier a group has, also where two tiers have one price.
func TestOverviewShowsTheTierOfTheLayout(t *testing.T) {
	w := newFixture(t)
	w.Catalog.Concerts[0].Tiers = []readmodel.Tier{{ID: "front"}, {ID: "back"}}
	layout := w.Catalog.Layout
	w.Catalog.Layout = func(concertID string, version int) []readmodel.LayoutGroup {
		groups := slices.Clone(layout(concertID, version))
		for i := range groups {
			groups[i].Tier = "back"
		}
		return groups
	}
	if report, err := w.run(t); err != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, g := range w.view.Seats("nocturne").Groups {
		if g.Tier != "back" {
			t.Errorf("%s: tier %q", g.Group, g.Tier)
		}
	}
}
