package reserve_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// hall is a fixture whose groups are drawn: each line is a row, "." an ordinary seat, "w" an accessible one, "x" and "W" the same
// taken by other orders.
type hall struct {
	*fixture
	groups   []readmodel.LayoutGroup
	drawings map[string][]string
}

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{fixture: newFixture(t), drawings: map[string][]string{}}
	h.Catalog.Layout = func(string, int) []readmodel.LayoutGroup { return h.groups }
	return h
}

// add makes a group and lets an order hold what is drawn as taken.
func (h *hall) add(t *testing.T, name, kind, section string, rows ...string) {
	t.Helper()
	g := readmodel.LayoutGroup{Group: name, Section: section, Kind: kind, Price: contracts.Money{Minor: 4500, Currency: "EUR"}}
	var taken []string
	for r, line := range rows {
		row := readmodel.LayoutRow{Name: fmt.Sprint(r)}
		for s, c := range line {
			seat := fmt.Sprintf("%s-%d-%d", name, r, s)
			if c == 'w' || c == 'W' {
				g.Accessible = append(g.Accessible, seat)
			}
			if c == 'x' || c == 'W' {
				taken = append(taken, seat)
			}
			row.Seats = append(row.Seats, seat)
		}
		g.Rows, g.Seats = append(g.Rows, row), append(g.Seats, row.Seats...)
	}
	h.groups, h.drawings[name] = append(h.groups, g), rows
	for seats := range slices.Chunk(taken, readmodel.DefaultLimitPerBuyer(0)) {
		m := h.placed(seats...)
		m.Group = name
		world.WantDone(t, h.handle(t, m))
	}
	if err := h.Seats().Ensure(t.Context(), v1(groupOf(name))); err != nil {
		t.Fatal(err)
	}
	h.ForgetSent()
}

// release sets when accessible places may be sold to any order; 0 is never.
func (h *hall) release(at contracts.Instant) { h.concert().AccessibleReleaseAt = at }

// group is a group of the hall.
func (h *hall) group(name string) readmodel.LayoutGroup {
	at := slices.IndexFunc(h.groups, func(g readmodel.LayoutGroup) bool { return g.Group == name })
	return h.groups[at]
}

func (h *hall) asks(name, section string, quantity, accessible int, visited ...string) message.PlaceOrder {
	p := h.best(name, quantity, visited...)
	p.BestAvailable.Section, p.BestAvailable.Accessible = section, accessible
	p.RequestHash = contracts.RequestHashBest(p.ConcertID, section, quantity, accessible)
	return p
}

// decide handles the order in one group after the other until it has a row. It returns the groups that sent it on.
func (h *hall) decide(t *testing.T, p message.PlaceOrder) (row order.Order, through []string) {
	t.Helper()
	for {
		h.ForgetSent()
		if o := retry.Classify(h.handle(t, p)); o.Class != retry.ClassDone && o.Class != retry.ClassRefused {
			t.Fatalf("in %s the order is %s %s: %v", p.Group, o.Class, o.Reason, o.Err)
		}
		if row, found, err := h.Rows.Read(t.Context(), p.OrderID); err != nil || found {
			return row, through
		}
		if len(h.Sent()) != 1 || len(through) > message.MaxHops {
			t.Fatalf("no row, sent %d messages from %s after %v", len(h.Sent()), p.Group, through)
		}
		through = append(through, p.Group)
		p = world.SentMessage[message.PlaceOrder](t, h.World, 0)
	}
}

// runs counts, by the drawings alone, the runs of n free seats of a group by how many accessible ones they have.
func (h *hall) runs(name string, n int) map[int]int {
	kind, found := h.group(name).Kind, map[int]int{}
	for _, row := range h.drawings[name] {
		if kind == readmodel.KindArea {
			ordinary, accessible := strings.Count(row, "."), strings.Count(row, "w")
			for k := range n + 1 {
				if accessible >= k && ordinary >= n-k {
					found[k]++
				}
			}
			continue
		}
		for first := 0; first+n <= len(row); first++ {
			if run := row[first : first+n]; !strings.ContainsAny(run, "xW") {
				found[strings.Count(run, "w")]++
			}
		}
	}
	return found
}

// accessibleOf counts the accessible seats of an order after it has checked that they were free, and adjacent.
func (h *hall) accessibleOf(t rapid.TB, row order.Order, quantity int) (accessible int) {
	t.Helper()
	g := h.group(row.Group)
	places, _, known := g.Places(row.Seats)
	if !known || len(row.Seats) != quantity || row.Amount.Minor != int64(quantity)*g.Price.Minor {
		t.Fatalf("the order has %v of %s for %v, want %d seats", row.Seats, row.Group, row.Amount, quantity)
	}
	text := strings.Join(h.drawings[row.Group], "")
	at := 0
	for _, r := range g.Rows {
		if first := slices.Index(r.Seats, row.Seats[0]); first >= 0 {
			at = first
			if g.Kind == readmodel.KindSeats && (at+quantity > len(r.Seats) || !slices.Equal(r.Seats[at:at+quantity], row.Seats)) {
				t.Fatalf("%v are not side by side in %v", row.Seats, r.Seats)
			}
		}
	}
	for _, p := range places {
		if text[p] == 'x' || text[p] == 'W' {
			t.Fatalf("place %d of %q was not free", p, text)
		}
		if text[p] == 'w' {
			accessible++
		}
	}
	return accessible
}
