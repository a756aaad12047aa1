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

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// hall is a world whose groups are drawn: a line a row, "." an ordinary seat, "w" an accessible one, "x" and "W" the same
// taken by other orders.
type hall struct {
	*world
	groups   []readmodel.LayoutGroup
	drawings map[string][]string
	// released is when accessible places become anybody's; 0 is never.
	released contracts.Instant
}

func newHall(t *testing.T) *hall {
	t.Helper()
	return &hall{world: newWorld(t), drawings: map[string][]string{}}
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
		want(t, h.handle(t, m), retry.ClassDone, "")
	}
	if len(taken) == 0 {
		// Loads the group.
		if err := seats.NewStore(h.world, h.loader()).Ensure(t.Context(), v1(named(name))); err != nil {
			t.Fatal(err)
		}
	}
	h.sent = nil
}

// named is the seat group of a name.
func named(name string) contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: group.ConcertID, Group: name}
}

func (h *hall) Concert(ctx context.Context, id string) (readmodel.Concert, error) {
	c, err := h.world.Concert(ctx, id)
	c.AccessibleReleaseAt = h.released
	return c, err
}

func (h *hall) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
	return h.groups, nil
}

func (h *hall) LayoutGroup(_ context.Context, _ string, _ int, name string) (readmodel.LayoutGroup, error) {
	for _, g := range h.groups {
		if g.Group == name {
			return g, nil
		}
	}
	return readmodel.LayoutGroup{}, errors.New("no such group")
}

func (h *hall) loader() *seats.Loader {
	return seats.NewLoader(h.rows, h.rows, h, h.holds, nil, seats.LoaderOptions{Wait: func(context.Context, time.Duration) error { return nil }})
}

func (h *hall) handle(t *testing.T, p message.PlaceOrder) retry.Outcome {
	t.Helper()
	place := h.place()
	place.Catalogue, place.Seats = h, seats.NewStore(h.world, h.loader())
	return retry.Classify(place.HandleRun(t.Context(), []reserve.Placing{{
		Delivery: message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: h.now}, Message: p,
	}})[0])
}

func (h *hall) asks(name, section string, quantity, accessible int, visited ...string) message.PlaceOrder {
	p := h.best(name, quantity, visited...)
	p.BestAvailable.Section, p.BestAvailable.Accessible = section, accessible
	p.RequestHash = contracts.RequestHashBest(p.ConcertID, section, quantity, accessible)
	return p
}

// decide handles the order in one group after the other until it has a row. It answers the groups that sent it on.
func (h *hall) decide(t *testing.T, p message.PlaceOrder) (row order.Order, through []string) {
	t.Helper()
	for {
		h.sent = nil
		if o := h.handle(t, p); o.Class != retry.ClassDone && o.Class != retry.ClassRefused {
			t.Fatalf("in %s: %+v", p.Group, o)
		}
		if row, found, err := h.rows.Read(t.Context(), p.OrderID); err != nil || found {
			return row, through
		}
		if len(h.sent) != 1 || len(through) > message.MaxHops {
			t.Fatalf("no row, sent %d messages from %s after %v", len(h.sent), p.Group, through)
		}
		next, err := message.Decode(h.sent[0].Body)
		if err != nil {
			t.Fatal(err)
		}
		through = append(through, p.Group)
		p = next.(message.PlaceOrder)
	}
}

// runs counts, by the drawings alone, the runs of n free seats of a group by how many accessible ones they have.
func (h *hall) runs(name string, n int) map[int]int {
	at := slices.IndexFunc(h.groups, func(g readmodel.LayoutGroup) bool { return g.Group == name })
	found := map[int]int{}
	for _, row := range h.drawings[name] {
		if h.groups[at].Kind == readmodel.KindArea {
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
	g, err := h.LayoutGroup(context.Background(), "", 0, row.Group)
	places, _, known := g.Places(row.Seats)
	if err != nil || !known || len(row.Seats) != quantity || row.Amount.Minor != int64(quantity)*g.Price.Minor {
		t.Fatalf("order %+v of %d seats", row, quantity)
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
