package invariants_test

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/invariants"
)

const at = contracts.Instant(1_000_000)

// id is a well-formed order id that ends in a letter.
func id(c string) contracts.OrderID {
	return contracts.OrderID("e1" + c + strings.Repeat("0", contracts.OrderIDLength-3))
}

func row(c, fence string, seats []string, statuses ...contracts.Status) readmodel.Order {
	o := readmodel.Order{
		OrderID: id(c), UserID: "anna", ConcertID: "nocturne", Group: "A", LayoutVersion: 1, Seats: seats, Fence: fence,
		RequestHash: contracts.RequestHash("nocturne", seats), AcceptedAt: at,
	}
	if statuses[0] == contracts.Held {
		o.HeldAt, o.HoldExpiresAt, o.Amount = at, at+300_000, &contracts.Money{Minor: 4500 * int64(len(seats)), Currency: "EUR"}
		o.BuyerLimit = 4
	}
	for i, s := range statuses {
		o.Status, o.Version = s, i+1
		o.History = append(o.History, readmodel.HistoryEntry{Status: s, Version: i + 1, At: at})
	}
	if o.Status.Open() || o.Status == contracts.Committed {
		o.OpenGroup = "nocturne#A"
	}
	if o.Status.Open() || o.Status.Paid() {
		o.Counted = len(seats)
	}
	if o.Status == contracts.Rejected {
		o.Reason = &readmodel.Reason{Code: contracts.ReasonSeatTaken}
	}
	return o
}

// hall returns the layout of the concert: a row of four seats.
func hall() readmodel.LayoutGroup {
	seats := []string{"s1", "s2", "s3", "s4"}
	return readmodel.LayoutGroup{
		Group: "A", Section: "Stalls", Kind: readmodel.KindSeats, Price: contracts.Money{Minor: 4500, Currency: "EUR"},
		Seats: seats, Rows: []readmodel.LayoutRow{{Name: "1", Seats: seats}},
	}
}

func publishedOf(o readmodel.Order) invariants.Published {
	return invariants.Published{Seats: slices.Clone(o.Seats), Amount: o.Amount}
}

// good returns a snapshot without violations that has one order of each kind.
func good() invariants.Snapshot {
	s := invariants.Snapshot{
		At: at,
		Orders: []readmodel.Order{
			row("a", "1", []string{"s1"}, contracts.Held),
			row("b", "2", []string{"s2", "s3"}, contracts.Held, contracts.Committed),
			row("c", "3", []string{"s1"}, contracts.Rejected),
			row("d", "4", []string{"s4"}, contracts.Held, contracts.Cancelled),
		},
		Tickets:    []readmodel.Ticket{{SeatGroup: "nocturne#A", Seat: "s2", OrderID: id("b")}, {SeatGroup: "nocturne#A", Seat: "s3", OrderID: id("b")}},
		Allowances: []readmodel.Allowance{{BuyerConcert: "nocturne#anna", Seats: 3}},
		Groups:     []invariants.Group{{SeatGroup: contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}, Seats: []string{"s1", "s2", "s3", "s4"}, Map: seatstate.NewSeatMap(4)}},
		Accepted:   []contracts.OrderID{id("a"), id("c")},
		Layouts:    map[string][]readmodel.LayoutGroup{readmodel.LayoutKey("nocturne", 1): {hall()}},
		Published:  map[string]invariants.Published{},
	}
	for _, o := range s.Orders {
		for v := 1; v <= o.Version; v++ {
			s.Published[invariants.Version(o.OrderID, v)] = publishedOf(o)
		}
	}
	s.Groups[0].Map.Set(0, seatstate.Held)
	s.Groups[0].Map.Set(1, seatstate.Sold)
	s.Groups[0].Map.Set(2, seatstate.Sold)
	s.Groups[0].Entries = map[int]seatstate.Entry{
		0: {State: seatstate.Held, Order: id("a"), Lapses: at + 360_000},
		1: {State: seatstate.Sold, Order: id("b")}, 2: {State: seatstate.Sold, Order: id("b")},
		// This hold has ended, so the place counts as free.
		3: {State: seatstate.Held, Order: id("y"), Lapses: at},
	}
	s.Groups[0].Records = map[contracts.OrderID]seatstate.Record{
		id("a"): {State: seatstate.RecordHeld, Version: 1, Lapses: at + 360_000, Places: []int{0}},
		id("b"): {State: seatstate.RecordSold, Version: 2, Places: []int{2, 1}},
		id("d"): {State: seatstate.RecordEnded, Version: 2, Places: []int{3}},
	}
	return s
}

func rules(all []invariants.Violation) []string {
	var names []string
	for _, v := range all {
		names = append(names, v.Rule)
	}
	return slices.Compact(names)
}

func TestAGoodSnapshotHasNoViolation(t *testing.T) {
	if all := invariants.AtRest(good()); len(all) != 0 {
		t.Errorf("of a snapshot without fault: %v", all)
	}
}

// Notes, for example of a declined card, are versions without a new status.
func TestVersionsMayBeNotes(t *testing.T) {
	s := good()
	row := func(c string) *readmodel.Order {
		i := slices.IndexFunc(s.Orders, func(o readmodel.Order) bool { return o.OrderID == id(c) })
		return &s.Orders[i]
	}
	a, b, d := row("a"), row("b"), row("d")
	a.Version, a.Payment = 2, &readmodel.Payment{OpenAttempt: 1}
	b.History = []readmodel.HistoryEntry{
		{Status: contracts.Held, Version: 1, At: at}, {Status: contracts.AwaitingPayment, Version: 2, At: at}, {Status: contracts.Committed, Version: 5, At: at},
	}
	b.Version, b.Payment = 6, &readmodel.Payment{CaptureAttempt: 1}
	d.Version, d.Payment = 4, &readmodel.Payment{VoidAttempt: 2}
	s.Published = nil
	if all := invariants.AtRest(s); len(all) != 0 {
		t.Errorf("of rows with notes: %v", all)
	}
}

// Each case breaks one rule.
func TestEachBrokenRuleIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*invariants.Snapshot)
		rules []string
	}{
		"a step that the graph does not have": {func(s *invariants.Snapshot) { s.Orders[3].History[0].Status = contracts.Rejected }, []string{"history"}},
		"a version left out":                  {func(s *invariants.Snapshot) { s.Orders[3].History[1].Version = 3 }, []string{"history"}},
		"the first version left out": {func(s *invariants.Snapshot) {
			d := &s.Orders[3]
			d.History[0].Version, d.History[1].Version, d.Version, d.Payment, s.Published[id4v3()] = 2, 3, 3, &readmodel.Payment{VoidAttempt: 1}, publishedOf(*d)
		}, []string{"history"}},
		"a version twice":    {func(s *invariants.Snapshot) { s.Orders[3].History[1].Version = 1 }, []string{"history"}},
		"a version too many": {func(s *invariants.Snapshot) { s.Orders[3].Version++; s.Published[id4v3()] = publishedOf(s.Orders[3]) }, []string{"history"}},
		"a note of a key that there was not": {func(s *invariants.Snapshot) {
			s.Orders[3].Version, s.Orders[3].Payment, s.Published[id4v3()] = 3, &readmodel.Payment{CaptureAttempt: 1}, publishedOf(s.Orders[3])
		}, []string{"history"}},
		"a status without its entry":         {func(s *invariants.Snapshot) { s.Orders[2].Status = contracts.Cancelled }, []string{"history"}},
		"time that runs backwards":           {func(s *invariants.Snapshot) { s.Orders[3].History[0].At = at + 20_000 }, []string{"history"}},
		"an ended order in the index":        {func(s *invariants.Snapshot) { s.Orders[3].OpenGroup = "nocturne#A" }, []string{"history"}},
		"a committed order without a ticket": {func(s *invariants.Snapshot) { s.Tickets = s.Tickets[:1]; s.Groups[0].Map.Set(2, 0) }, []string{"ticket"}},
		"a ticket of an order that has not paid": {func(s *invariants.Snapshot) {
			s.Tickets = append(s.Tickets, readmodel.Ticket{SeatGroup: "nocturne#A", Seat: "s4", OrderID: id("d")})
			s.Groups[0].Map.Set(3, seatstate.Sold)
		}, []string{"ticket"}},
		"two tickets of a seat": {func(s *invariants.Snapshot) { s.Tickets = append(s.Tickets, s.Tickets[0]) }, []string{"ticket"}},
		"a seat of two orders": {func(s *invariants.Snapshot) {
			s.Orders = append(s.Orders, row("f", "5", []string{"s1"}, contracts.Held))
			s.Published[invariants.Version(id("f"), 1)], s.Allowances[0].Seats = publishedOf(s.Orders[4]), 4
		}, []string{"one order a seat"}},
		"two rows of an order": {func(s *invariants.Snapshot) { s.Orders = append(s.Orders, s.Orders[3]) }, []string{"identity"}},
		"a malformed id": {func(s *invariants.Snapshot) {
			s.Orders[3].OrderID = "x"
			delete(s.Published, id4())
			delete(s.Published, id4v2())
			s.Published["x.1"], s.Published["x.2"] = publishedOf(s.Orders[3]), publishedOf(s.Orders[3])
		}, []string{"identity"}},
		"an allowance too high":               {func(s *invariants.Snapshot) { s.Allowances[0].Seats = 4 }, []string{invariants.RuleCounted}},
		"no allowance":                        {func(s *invariants.Snapshot) { s.Allowances = nil }, []string{invariants.RuleCounted}},
		"over the limit":                      {func(s *invariants.Snapshot) { s.Orders[0].BuyerLimit, s.Orders[1].BuyerLimit = 2, 2 }, []string{"allowance"}},
		"held under no limit":                 {func(s *invariants.Snapshot) { s.Orders[3].BuyerLimit = 0 }, []string{"allowance"}},
		"an accepted order without a row":     {func(s *invariants.Snapshot) { s.Accepted = append(s.Accepted, id("z")) }, []string{"answer"}},
		"an order that never ends":            {func(s *invariants.Snapshot) { s.At = at + 300_000 + 180_000 }, []string{"answer"}},
		"a held seat shown free":              {func(s *invariants.Snapshot) { s.Groups[0].Map.Set(0, seatstate.Free) }, []string{"places"}},
		"a ticket shown held":                 {func(s *invariants.Snapshot) { s.Groups[0].Map.Set(1, seatstate.Held) }, []string{"places"}},
		"a seat of an ended order shown held": {func(s *invariants.Snapshot) { s.Groups[0].Map.Set(3, seatstate.Held) }, []string{"places"}},
		"a group that is not loaded": {func(s *invariants.Snapshot) {
			s.NotLoaded = []contracts.SeatGroup{{ConcertID: "nocturne", Group: "B"}}
		}, []string{"places"}},
		"a version without an event": {func(s *invariants.Snapshot) { delete(s.Published, invariants.Version(id("b"), 1)) }, []string{"event"}},
		"an event of nothing": {func(s *invariants.Snapshot) {
			s.Published[invariants.Version(id("a"), 2)] = invariants.Published{Seats: []string{"s1"}, Amount: s.Orders[0].Amount}
		}, []string{"event"}},
		"money for nothing": {func(s *invariants.Snapshot) {
			s.Effects = []invariants.Effect{{Kind: "captured", At: at, PaymentIntent: "pi_d", Order: id("d"), Amount: 4500}}
		}, []string{"captured after committed", "charged if and only if ticketed"}},
		"a dead message":              {func(s *invariants.Snapshot) { s.Dead = 1 }, []string{"dead letter"}},
		"an attempt that never ended": {func(s *invariants.Snapshot) { s.DeadLetters = []readmodel.DeadLetter{{MessageKey: "attempts#1"}} }, []string{"dead letter"}},
	} {
		s := good()
		c.plant(&s)
		if got := rules(invariants.AtRest(s)); !slices.Equal(got, c.rules) {
			t.Errorf("%s: reported %v, want %v: %v", name, got, c.rules, invariants.AtRest(s))
		}
	}
}

func id4() string   { return invariants.Version(id("d"), 1) }
func id4v2() string { return invariants.Version(id("d"), 2) }
func id4v3() string { return invariants.Version(id("d"), 3) }

func TestFirstServedReportsOrdersOutOfTurn(t *testing.T) {
	for name, c := range map[string]struct {
		rows []readmodel.Order
		want int
	}{
		"in order": {[]readmodel.Order{
			row("b", "00000000000000000002", []string{"s1", "s2"}, contracts.Rejected), row("a", "00000000000000000001", []string{"s1"}, contracts.Held),
			row("c", "00000000000000000003", []string{"s2"}, contracts.Held), row("d", "00000000000000000004", []string{"s2"}, contracts.Rejected),
		}, 0},
		"a later one got the seat":        {[]readmodel.Order{row("a", "1", []string{"s1"}, contracts.Rejected), row("b", "2", []string{"s1"}, contracts.Held)}, 1},
		"both got it":                     {[]readmodel.Order{row("a", "1", []string{"s1"}, contracts.Held), row("b", "2", []string{"s1"}, contracts.Held)}, 1},
		"refused for a seat that is free": {[]readmodel.Order{row("a", "1", []string{"s1"}, contracts.Held), row("b", "2", []string{"s2"}, contracts.Rejected)}, 1},
	} {
		if got := invariants.FirstServed(c.rows); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
