package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// house is a whole concert or one section of it. A test sells it out except for single seats and one pair; no other test buys
// there.
type house struct {
	*stack
	concert apiclient.Concert
	section string
	groups  []apiclient.Group
	// pair is in the last row of the last group.
	pair []string
}

func (s *stack) house(t *testing.T, concert, section string) house {
	t.Helper()
	h := house{stack: s, section: section}
	if err := s.withToken(t, "").Get(t.Context(), "/concerts/"+concert, &h.concert); err != nil {
		t.Fatal(err)
	}
	for _, g := range s.layoutOf(t, concert).Groups {
		if section == "" || g.Section == section {
			h.groups = append(h.groups, g)
		}
	}
	rows := h.groups[len(h.groups)-1].Rows
	h.pair = rows[len(rows)-1].Seats[:2]
	return h
}

// countFree returns how many seats of the house are free in Redis. The public snapshot would not do: it may be a second old, so
// that it can show a pair as free that was held and is not released yet.
func (h house) countFree(t *testing.T) (n int) {
	t.Helper()
	h.loadedMaps(t, h.concert.ID)
	for _, g := range h.groups {
		seats, err := h.SeatMap(t.Context(), contracts.SeatGroup{ConcertID: h.concert.ID, Group: g.Group})
		if err != nil {
			t.Fatal(err)
		}
		for place := range g.Seats {
			if seats.At(place) == seatstate.Free {
				n++
			}
		}
	}
	return n
}

// fillExceptPair lets buyers hold every second seat of each row, so that no two free seats are adjacent except the pair. It
// returns how many seats are left, and when the first of the orders may end.
func (h house) fillExceptPair(t *testing.T) (left int, until contracts.Instant) {
	t.Helper()
	all := 0
	for _, g := range h.groups {
		all += len(g.Seats)
	}
	eventually(t, decideWithin, func() (bool, string) { return h.countFree(t) == all, "seats of an earlier run are still held" })
	var seats []string
	for _, g := range h.groups {
		var taken []string
		for _, row := range g.Rows {
			first := 1
			if slices.Contains(row.Seats, h.pair[0]) {
				first = 2
			}
			for at := first; at < len(row.Seats); at += 2 {
				taken = append(taken, row.Seats[at])
			}
		}
		seats = append(seats, taken...)
	}
	return all - len(seats), h.holdSeats(t, seats)
}

// holdSeats lets buyers hold these seats, as many in one order as the concert allows. It returns when the first of the orders may
// end.
func (h house) holdSeats(t *testing.T, seats []string) (until contracts.Instant) {
	t.Helper()
	var requests []apiclient.OrderRequest
	for _, g := range h.groups {
		ofGroup := slices.DeleteFunc(slices.Clone(seats), func(seat string) bool { return !slices.Contains(g.Seats, seat) })
		// Accessible places by themselves: too many other seats beside one are refused.
		accessible := slices.DeleteFunc(slices.Clone(ofGroup), func(seat string) bool { return !slices.Contains(g.Accessible, seat) })
		ordinary := slices.DeleteFunc(ofGroup, func(seat string) bool { return slices.Contains(g.Accessible, seat) })
		for _, kind := range [][]string{ordinary, accessible} {
			for some := range slices.Chunk(kind, h.concert.LimitPerOrder) {
				requests = append(requests, apiclient.OrderRequest{ConcertID: h.concert.ID, Seats: some})
			}
		}
	}
	begun := time.Now()
	for i, a := range h.placeAtOnce(t, len(requests), func(i int) apiclient.OrderRequest { return requests[i] }) {
		wantStatus(t, a.order, contracts.AwaitingPayment)
		if end := *a.order.HoldExpiresAt; i == 0 || end < until {
			until = end
		}
	}
	until = until.Add(seatstate.ExpireAfter)
	t.Logf("%d orders in %d groups hold %d seats after %.1f s; the first of them may end at %s", len(requests), len(h.groups), len(seats), time.Since(begun).Seconds(), until)
	return until
}

// checkInTime fails a test that took longer than its holds.
func checkInTime(t *testing.T, until contracts.Instant) {
	t.Helper()
	if now := contracts.InstantOf(time.Now()); now > until {
		t.Errorf("holds began to end at %s and it is %s: this machine is too slow for this test", until, now)
	}
}

// enqueuePair enqueues an order for a pair in a group of the house, like a producer that saw a free pair there a moment ago. It
// returns the row.
func (h house) enqueuePair(t *testing.T, group string) readmodel.Order {
	t.Helper()
	return h.enqueueBest(t, group, message.BestAvailable{Section: h.section, Quantity: 2})
}

// enqueueBest is enqueuePair for any order for adjacent seats.
func (h house) enqueueBest(t *testing.T, group string, best message.BestAvailable) readmodel.Order {
	t.Helper()
	now := contracts.InstantOf(time.Now())
	m := message.PlaceOrder{
		OrderID: newOrderID(t), UserID: testbed.Named("zoe"), ConcertID: h.concert.ID, Group: group, LayoutVersion: h.concert.LayoutVersion,
		RequestHash: contracts.RequestHashBest(h.concert.ID, best.Section, best.Quantity, best.Accessible), AcceptedAt: now, Deadline: now.Add(decideWithin),
		BestAvailable: &best,
	}
	encoded, err := message.Encode(m, "")
	if err != nil {
		t.Fatal(err)
	}
	h.enqueue(t, encoded)
	var row readmodel.Order
	eventually(t, decideWithin, func() (found bool, why string) {
		row, found = h.row(t, string(m.OrderID))
		return found, "the order is not decided"
	})
	return row
}

// checkRepeat repeats the request of an order, under the key of placeAtOnce, and checks that the response has the order's status.
func (s *stack) checkRepeat(t *testing.T, user string, order apiclient.Order, request apiclient.OrderRequest) {
	t.Helper()
	answer, err := s.signedIn(t, user).Place(t.Context(), "key-1", request)
	if err != nil {
		t.Fatal(err)
	}
	var again apiclient.Accepted
	if answer.Status != http.StatusAccepted || answer.Decode(&again) != nil || again.OrderID != order.OrderID || again.Status != order.Status {
		t.Errorf("the repeated request got %d %s, the order is %s", answer.Status, answer.Body, order.Status)
	}
}

// refusedNoAdjacent reports whether the buyer was told that there are no two adjacent seats, by the response or by the order.
func (a attempt) refusedNoAdjacent() bool {
	if a.answer.Status == http.StatusConflict {
		return a.answer.Problem().Code == "sold_out"
	}
	return a.order.Status == contracts.Rejected && a.order.Reason != nil && a.order.Reason.Code == contracts.ReasonNoAdjacent
}

// checkInstead checks what is offered to a buyer of two adjacent seats where none are left: a pair elsewhere, or two single seats.
func (h house) checkInstead(t *testing.T, suggestions []apiclient.Suggestion) {
	t.Helper()
	words := map[string]bool{}
	for _, s := range suggestions {
		words[s.Why] = true
		inside := slices.ContainsFunc(h.groups, func(g apiclient.Group) bool {
			return !slices.ContainsFunc(s.Seats, func(seat string) bool { return !slices.Contains(g.Seats, seat) })
		})
		if wanted := map[string]int{"same_tier": 2, "two_runs": 2, "longest_run": 1}[s.Why]; len(s.Seats) != wanted || s.Why != "same_tier" && h.section != "" && !inside || s.Amount.Minor == 0 {
			t.Errorf("offered %+v", s)
		}
	}
	if len(words) == 0 || h.section == "" && !words["two_runs"] {
		t.Errorf("offered %+v", suggestions)
	}
}

// The last pair of adjacent seats is found, by a request and by an order that reaches the wrong group. When it is taken, buyers
// are told so, however many single seats are left.
func TestLastPairIsFoundAmongSingleSeats(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	for name, where := range map[string]struct{ concert, section string }{
		"a section of the arena": {arenaConcert(t, s), "upper-22"},
		"a whole theatre":        {"winter-songs-2030", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := s.house(t, where.concert, where.section)
			left, until := h.fillExceptPair(t)

			var winner attempt
			queued := 0
			for _, a := range h.placeAtOnce(t, 8, func(int) apiclient.OrderRequest {
				return apiclient.OrderRequest{ConcertID: h.concert.ID, Best: &apiclient.BestAvailable{Section: h.section, Quantity: 2}}
			}) {
				switch {
				case a.order.Status == contracts.AwaitingPayment && winner.user == "" && slices.Equal(a.order.Seats, h.pair):
					winner = a
				case !a.refusedNoAdjacent():
					t.Errorf("%s got %d %s and has %+v", a.user, a.answer.Status, a.answer.Body, a.order)
				case a.order.Status == contracts.Rejected:
					h.checkInstead(t, a.order.Reason.Suggestions)
					queued++
				}
			}
			t.Logf("%d of the others were refused by the queue", queued)
			if winner.user == "" {
				t.Fatalf("none of eight buyers has the last pair %v", h.pair)
			}

			// The winner itself holds the last pair: a repeat of the request returns the order, another body is refused.
			s.checkRepeat(t, winner.user, winner.order, winner.request)
			other := winner.request
			other.Best = &apiclient.BestAvailable{Section: h.section, Quantity: 3}
			if answer, err := s.signedIn(t, winner.user).Place(t.Context(), "key-1", other); err != nil || answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "idempotency_mismatch" {
				t.Errorf("another body got %d %s, %v", answer.Status, answer.Body, err)
			}

			// After the cancellation the pair is free again, and an order in the first group finds it.
			s.cancel(t, s.signedIn(t, winner.user), winner.order.OrderID)
			eventually(t, decideWithin, func() (bool, string) { return h.countFree(t) == left, "the pair is not free again" })
			last := h.groups[len(h.groups)-1].Group
			row := h.enqueuePair(t, h.groups[0].Group)
			if !row.Status.Open() || row.Group != last || !slices.Equal(row.Seats, h.pair) {
				t.Errorf("the order in the first group is %s in %s with %v, %+v", row.Status, row.Group, row.Seats, row.Reason)
			}

			anna := s.signedIn(t, testbed.Named("anna"))
			sold := s.placeBest(t, anna, h.concert.ID, "key-1", h.section, 2)
			if sold.Status != http.StatusConflict || sold.Problem().Code != "sold_out" {
				t.Errorf("with no pair left POST returned %d %s", sold.Status, sold.Body)
			}
			h.checkInstead(t, sold.Problem().Suggestions)
			for _, g := range []string{h.groups[0].Group, last} {
				row := h.enqueuePair(t, g)
				if row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonNoAdjacent || row.Asked == nil || row.Asked.Quantity != 2 {
					t.Errorf("with no pair left an order in %s is %s, %+v", g, row.Status, row.Reason)
				}
			}
			wantStatus(t, s.placeBestAndWait(t, anna, h.concert.ID, "key-2", h.section, 1), contracts.AwaitingPayment)
			checkInTime(t, until)
		})
	}
}
