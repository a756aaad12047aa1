package invariants_test

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/invariants"
)

// bigger returns good with two more orders: a best-available order that holds s3 and s4 of a second group, and an order for two
// adjacent seats that was refused because those were taken.
func bigger() invariants.Snapshot {
	s := good()
	second := hall()
	second.Group, second.Section, second.Seats = "B", "Balcony", []string{"t1", "t2", "t3", "t4"}
	second.Rows = []readmodel.LayoutRow{{Name: "1", Seats: []string{"t1", "t2"}}, {Name: "2", Seats: []string{"t3", "t4"}}}
	second.Accessible = []string{"t1"}
	s.Layouts[readmodel.LayoutKey("nocturne", 1)] = append(s.Layouts[readmodel.LayoutKey("nocturne", 1)], second)

	pair := row("g", "6", []string{"t3", "t4"}, contracts.Held)
	pair.Group, pair.OpenGroup, pair.UserID = "B", "nocturne#B", "ben"
	pair.RequestHash = contracts.RequestHashBest("nocturne", "Balcony", 2, 0)
	refused := row("h", "7", nil, contracts.Rejected)
	refused.UserID, refused.RequestHash = "cleo", contracts.RequestHashBest("nocturne", "", 2, 0)
	refused.Reason.Code, refused.History[0].At = contracts.ReasonNoAdjacent, at+1000
	s.Orders = append(s.Orders, pair, refused)
	s.Allowances = append(s.Allowances, readmodel.Allowance{BuyerConcert: "nocturne#ben", Seats: 2})
	for _, o := range []readmodel.Order{pair, refused} {
		s.Published[invariants.Version(o.OrderID, 1)] = publishedOf(o)
	}
	return s
}

// order returns a row of a snapshot by the letter of its id.
func order(s *invariants.Snapshot, c string) *readmodel.Order {
	return &s.Orders[slices.IndexFunc(s.Orders, func(o readmodel.Order) bool { return o.OrderID == id(c) })]
}

// Each case breaks one rule of the README, and there is a case for each way that a snapshot shows.
func TestRulesOfTheREADMEAreReported(t *testing.T) {
	layout := readmodel.LayoutKey("nocturne", 1)
	// later adds a later version of the layout.
	later := func(s *invariants.Snapshot, change func(*readmodel.LayoutGroup)) {
		next := []readmodel.LayoutGroup{hall()}
		next[0].Seats, next[0].Rows = slices.Clone(next[0].Seats), nil
		change(&next[0])
		s.Layouts[readmodel.LayoutKey("nocturne", 2)] = next
	}
	for name, c := range map[string]struct {
		plant func(*invariants.Snapshot)
		rule  string
	}{
		"nothing": {func(*invariants.Snapshot) {}, ""},

		"half an order, at half the price": {func(s *invariants.Snapshot) {
			b := order(s, "b")
			b.Seats, b.Amount, b.Counted = b.Seats[:1], &contracts.Money{Minor: 4500, Currency: "EUR"}, 1
			s.Tickets, s.Allowances[0].Seats = s.Tickets[:1], 2
			s.Groups[0].Map.Set(2, seatstate.Free)
			delete(s.Groups[0].Entries, 2)
			s.Groups[0].Records[id("b")] = seatstate.Record{State: seatstate.RecordSold, Places: []int{1}}
			s.Published[invariants.Version(id("b"), 1)], s.Published[invariants.Version(id("b"), 2)] = publishedOf(*b), publishedOf(*b)
		}, invariants.RuleAsked},
		"the price of one seat for two": {func(s *invariants.Snapshot) {
			order(s, "b").Amount.Minor = 4500
			s.Published[invariants.Version(id("b"), 1)], s.Published[invariants.Version(id("b"), 2)] = publishedOf(*order(s, "b")), publishedOf(*order(s, "b"))
		}, invariants.RuleAsked},
		"a seat less in an earlier version": {func(s *invariants.Snapshot) {
			s.Published[invariants.Version(id("b"), 1)] = invariants.Published{Seats: []string{"s2"}, Amount: order(s, "b").Amount}
		}, invariants.RuleAsked},
		"another price in an earlier version": {func(s *invariants.Snapshot) {
			s.Published[invariants.Version(id("b"), 1)] = invariants.Published{Seats: []string{"s2", "s3"}, Amount: &contracts.Money{Minor: 4500, Currency: "EUR"}}
		}, invariants.RuleAsked},
		"a seat twice":                    {func(s *invariants.Snapshot) { order(s, "c").Seats = []string{"s1", "s1"}; republish(s, "c") }, invariants.RuleAsked},
		"a refused row without its seats": {func(s *invariants.Snapshot) { order(s, "d").RequestHash = contracts.RequestHash("nocturne", nil) }, invariants.RuleAsked},
		"seats that were not requested":   {func(s *invariants.Snapshot) { order(s, "d").RequestHash = "" }, invariants.RuleAsked},
		"more seats than were asked for": {func(s *invariants.Snapshot) {
			order(s, "g").RequestHash = contracts.RequestHashBest("nocturne", "Balcony", 1, 0)
		}, invariants.RuleAsked},
		"seats of another section": {func(s *invariants.Snapshot) {
			order(s, "g").RequestHash = contracts.RequestHashBest("nocturne", "Stalls", 2, 0)
		}, invariants.RuleAsked},
		"any seats that are not adjacent":   {func(s *invariants.Snapshot) { order(s, "g").Seats = []string{"t2", "t3"}; republish(s, "g") }, invariants.RuleAsked},
		"a seat that the layout has not":    {func(s *invariants.Snapshot) { s.Layouts[layout][1].Seats[2] = "t9" }, invariants.RuleAsked},
		"a layout that the catalogue lacks": {func(s *invariants.Snapshot) { order(s, "g").LayoutVersion = 7 }, invariants.RuleAsked},

		"refused for a seat that no other order requested": {func(s *invariants.Snapshot) {
			order(s, "c").Seats, order(s, "c").RequestHash = []string{"s4"}, contracts.RequestHash("nocturne", []string{"s4"})
			order(s, "d").Seats, order(s, "d").RequestHash = []string{"s2"}, contracts.RequestHash("nocturne", []string{"s2"})
			republish(s, "c")
			republish(s, "d")
		}, invariants.RuleRefused},
		"no adjacent seats, where there were some": {func(s *invariants.Snapshot) {
			order(s, "h").RequestHash = contracts.RequestHashBest("nocturne", "Balcony", 1, 0)
		}, invariants.RuleRefused},
		"refused, and what it holds is still there": {func(s *invariants.Snapshot) {
			s.Groups[0].Entries[0] = seatstate.Entry{State: seatstate.Held, Order: id("c"), Lapses: at + 1}
			s.Groups[0].Records[id("c")] = seatstate.Record{State: seatstate.RecordHeld, Lapses: at + 1, Places: []int{0}}
			delete(s.Groups[0].Records, id("a"))
		}, invariants.RuleRefused},

		"a seat in two groups": {func(s *invariants.Snapshot) { s.Layouts[layout][1].Seats[0] = "s4" }, invariants.RulePhysical},
		"another group in a later layout": {func(s *invariants.Snapshot) {
			later(s, func(g *readmodel.LayoutGroup) { g.Group = "C" })
		}, invariants.RulePhysical},
		"another place in a later layout": {func(s *invariants.Snapshot) {
			later(s, func(g *readmodel.LayoutGroup) { slices.Reverse(g.Seats) })
		}, invariants.RulePhysical},
		"another price in a later layout": {func(s *invariants.Snapshot) {
			later(s, func(g *readmodel.LayoutGroup) { g.Price.Minor++ })
		}, invariants.RulePhysical},
		"a later layout that only has more": {func(s *invariants.Snapshot) {
			later(s, func(g *readmodel.LayoutGroup) { g.Seats = append(g.Seats, "s5") })
		}, ""},
		"a row that is not counted":      {func(s *invariants.Snapshot) { order(s, "a").Counted, s.Allowances[0].Seats = 0, 2 }, invariants.RuleCounted},
		"a row that counts a part":       {func(s *invariants.Snapshot) { order(s, "b").Counted, s.Allowances[0].Seats = 1, 2 }, invariants.RuleCounted},
		"an ended row that counts":       {func(s *invariants.Snapshot) { order(s, "d").Counted, s.Allowances[0].Seats = 1, 4 }, invariants.RuleCounted},
		"rows that count, and no number": {func(s *invariants.Snapshot) { s.Allowances = s.Allowances[:1] }, invariants.RuleCounted},
		"nothing counted": {func(s *invariants.Snapshot) {
			s.Allowances = nil
			for i := range s.Orders {
				s.Orders[i].Counted = 0
			}
		}, invariants.RuleCounted},

		"paid in time and expired": {func(s *invariants.Snapshot) { paidFor(s, contracts.Expired, "", at+240_000) }, invariants.RuleInTime},
		"paid in time and lost":    {func(s *invariants.Snapshot) { paidFor(s, contracts.Rejected, contracts.ReasonSeatLost, at+1000) }, invariants.RuleInTime},
		"paid too late":            {func(s *invariants.Snapshot) { paidFor(s, contracts.Expired, "", at+240_001) }, ""},
		"paid another sum": {func(s *invariants.Snapshot) {
			paidFor(s, contracts.Rejected, contracts.ReasonPaymentMismatch, at+1000)
		}, ""},
		"paid and given up": {func(s *invariants.Snapshot) { paidFor(s, contracts.Cancelled, "", at+1000) }, ""},

		"a record with a part of its places": {func(s *invariants.Snapshot) {
			s.Groups[0].Records[id("b")] = seatstate.Record{State: seatstate.RecordSold, Places: []int{1}}
		}, "places"},
		"a hold without its record": {func(s *invariants.Snapshot) { delete(s.Groups[0].Records, id("a")) }, "places"},
		"a place of another order's seat": {func(s *invariants.Snapshot) {
			s.Groups[0].Entries[3] = seatstate.Entry{State: seatstate.Sold, Order: id("b")}
		}, "places"},
	} {
		s := bigger()
		c.plant(&s)
		var want []string
		if c.rule != "" {
			want = []string{c.rule}
		}
		if got := rules(invariants.AtRest(s)); !slices.Equal(got, want) {
			t.Errorf("%s: reported %v, want %v: %v", name, got, want, invariants.AtRest(s))
		}
	}
}

// One physical seat is sold in two groups, as after a layout that moved it. In each table it is another seat.
func TestASeatSoldInTwoGroups(t *testing.T) {
	s := invariants.Snapshot{}
	for i, group := range []string{"A", "B"} {
		o := row(string(rune('a'+i)), "1", []string{"s1"}, contracts.Held, contracts.Committed)
		o.Group, o.OpenGroup = group, "nocturne#"+group
		s.Orders = append(s.Orders, o)
		s.Tickets = append(s.Tickets, readmodel.Ticket{SeatGroup: o.SeatGroup().Key(), Seat: "s1", OrderID: o.OrderID})
	}
	if got, want := rules(invariants.Always(s)), []string{invariants.RulePhysical, "one order a seat"}; !slices.Equal(got, want) {
		t.Errorf("reported %v, want %v", got, want)
	}
}

// republish sets the events of an order to the content of its row.
func republish(s *invariants.Snapshot, c string) {
	for v := 1; v <= order(s, c).Version; v++ {
		s.Published[invariants.Version(id(c), v)] = publishedOf(*order(s, c))
	}
}

// paidFor authorises order a at an instant and then ends it.
func paidFor(s *invariants.Snapshot, status contracts.Status, reason contracts.Reason, when contracts.Instant) {
	a := row("a", "1", []string{"s1"}, contracts.Held, contracts.AwaitingPayment, status)
	if a.Reason = nil; reason != "" {
		a.Reason = &readmodel.Reason{Code: reason}
	}
	*order(s, "a"), s.Allowances[0].Seats = a, 2
	order(s, "c").Seats = []string{"s2"}
	order(s, "c").RequestHash = contracts.RequestHash("nocturne", []string{"s2"})
	s.Groups[0].Map.Set(0, seatstate.Free)
	delete(s.Groups[0].Entries, 0)
	delete(s.Groups[0].Records, id("a"))
	s.Published = nil
	s.Effects = []invariants.Effect{
		{Kind: "created", At: at, PaymentIntent: "pi_a", Order: id("a"), Amount: 4500}, {Kind: "authorized", At: when, PaymentIntent: "pi_a", Order: id("a"), Amount: 4500},
		{Kind: "canceled", At: when, PaymentIntent: "pi_a", Order: id("a"), Amount: 4500},
	}
	// Order b is COMMITTED; at rest it would be CONFIRMED.
	b := row("b", "2", []string{"s2", "s3"}, contracts.Held, contracts.Committed, contracts.Confirmed)
	*order(s, "b") = b
	s.Effects = append(s.Effects, invariants.Effect{Kind: "captured", At: at, PaymentIntent: "pi_b", Order: id("b"), Amount: 9000})
}

// over returns a snapshot in which nothing is left to do.
func over() invariants.Snapshot {
	s := good()
	paidFor(&s, contracts.Expired, "", at+290_000)
	order(&s, "a").Payment = &readmodel.Payment{IntentID: "pi_a"}
	return s
}

func TestEndedReportsWhatIsLeftToDo(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*invariants.Snapshot)
		rules []string
	}{
		"nothing is left": {func(*invariants.Snapshot) {}, nil},
		"an open order": {func(s *invariants.Snapshot) {
			s.Orders = append(s.Orders, row("f", "5", []string{"s4"}, contracts.Held))
		}, []string{invariants.RuleEnded}},
		"an order not charged": {func(s *invariants.Snapshot) {
			*order(s, "b") = row("b", "2", []string{"s2"}, contracts.Held, contracts.Committed)
		}, []string{invariants.RuleEnded}},
		"a PaymentIntent to pay": {func(s *invariants.Snapshot) { s.Effects = slices.Delete(s.Effects, 1, 3) }, []string{invariants.RuleEnded}},
		"one that was never shown": {func(s *invariants.Snapshot) {
			s.Effects = append(s.Effects, invariants.Effect{Kind: "created", At: at, PaymentIntent: "pi_other", Order: id("a")})
		}, nil},
		"one to capture": {func(s *invariants.Snapshot) { s.Effects = slices.Delete(s.Effects, 2, 3) }, []string{"no authorization of an ended order"}},
		"a letter of an order without a row": {func(s *invariants.Snapshot) {
			s.DeadLetters = []readmodel.DeadLetter{{MessageKey: "message#1", OrderID: id("z")}}
		}, []string{invariants.RuleEnded}},
		"a letter of an order that ended": {func(s *invariants.Snapshot) {
			s.DeadLetters = []readmodel.DeadLetter{{MessageKey: "message#1", OrderID: id("a")}, {MessageKey: "message#2"}}
		}, nil},
		"a letter that is not drained": {func(s *invariants.Snapshot) { s.Dead = 1 }, []string{invariants.RuleEnded}},
	} {
		s := over()
		c.plant(&s)
		if got := rules(invariants.Ended(s)); !slices.Equal(got, c.rules) {
			t.Errorf("%s: reported %v, want %v: %v", name, got, c.rules, invariants.Ended(s))
		}
	}
}
