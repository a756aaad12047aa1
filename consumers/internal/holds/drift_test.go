package holds_test

import (
	"fmt"
	"slices"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

func entry(state seatstate.State, order contracts.OrderID) seatstate.Entry {
	e := seatstate.Entry{State: state, Order: order}
	if state == seatstate.Held {
		e.Lapses = 400_000
	}
	return e
}

// Each line of Drift's table, and what it leaves unchanged. Reconcile and the promises of every store of holds rely on it.
func TestDrift(t *testing.T) {
	const free, held, sold = seatstate.Free, seatstate.Held, seatstate.Sold
	openRow := func(version int, places ...int) holds.Row {
		return holds.Row{Version: version, Hash: "h", Open: true, Places: places, HeldAt: 40_000, ExpiresAt: 340_000}
	}
	over := holds.Row{Version: 2, Hash: "h"}
	paid := func(places ...int) holds.Row {
		return holds.Row{Version: 2, Hash: "h", Paid: true, Places: places}
	}
	for name, c := range map[string]struct {
		entries map[int]seatstate.Entry
		rows    map[contracts.OrderID]holds.Row
		tickets map[int]contracts.OrderID
		at      contracts.Instant
		want    string
		lost    []contracts.OrderID
	}{
		"as it should be": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a"), 1: entry(held, "b")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(0), "b": openRow(1, 1)}, tickets: map[int]contracts.OrderID{0: "a"},
		},
		"a ticket shown free": {
			rows: map[contracts.OrderID]holds.Row{"a": paid(2, 0)}, tickets: map[int]contracts.OrderID{0: "a", 2: "a"}, want: "a sold [0 2]",
		},
		"a paid order with a ticket that is not visible yet": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a"), 1: entry(sold, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(0, 1)}, tickets: map[int]contracts.OrderID{1: "a"},
		},
		"a paid order without a visible ticket": {
			entries: map[int]seatstate.Entry{0: entry(held, "a"), 1: entry(held, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(0, 1)}, want: "a sold [0 1]",
		},
		"a paid order whose places are held by another, and no ticket is visible": {
			entries: map[int]seatstate.Entry{0: entry(held, "b"), 1: entry(held, "b")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(0), "b": openRow(1, 0, 1)}, want: "a sold [0]", lost: []contracts.OrderID{"b"},
		},
		"a paid order one of whose places has another's ticket since": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a"), 1: entry(sold, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(0, 1), "b": paid(1)}, tickets: map[int]contracts.OrderID{0: "a", 1: "b"},
			want: "a sold [0] b sold [1]",
		},
		"a paid order all of whose places have another's ticket since": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(0), "b": paid(0)}, tickets: map[int]contracts.OrderID{0: "b"}, want: "b sold [0]",
		},
		"a paid order whose withdrawn ticket is still visible": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a"), 1: entry(sold, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(1)}, tickets: map[int]contracts.OrderID{0: "a", 1: "a"}, want: "a sold [1]",
		},
		"a revoked order whose tickets are still visible": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a"), 1: entry(held, "b")},
			rows:    map[contracts.OrderID]holds.Row{"a": over, "b": openRow(1, 1)}, tickets: map[int]contracts.OrderID{0: "a", 1: "a"}, want: "a free []",
		},
		"an order that was committed after its row was read, with one ticket visible": {
			entries: map[int]seatstate.Entry{0: entry(held, "a"), 1: entry(held, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": openRow(1, 0, 1)}, tickets: map[int]contracts.OrderID{1: "a"}, want: "a sold [0 1]",
		},
		"a ticket shown held by its own order": {
			entries: map[int]seatstate.Entry{0: entry(held, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": openRow(1, 0)}, tickets: map[int]contracts.OrderID{0: "a"}, want: "a sold [0]",
		},
		"a withdrawn seat of two": {
			entries: map[int]seatstate.Entry{0: entry(sold, "a"), 1: entry(sold, "a")},
			rows:    map[contracts.OrderID]holds.Row{"a": paid(1)}, tickets: map[int]contracts.OrderID{1: "a"}, want: "a sold [1]",
		},
		"a ticket written after the rows were read": {
			entries: map[int]seatstate.Entry{0: entry(held, "a")}, tickets: map[int]contracts.OrderID{0: "a"},
		},
		"a sale without ticket":         {entries: map[int]seatstate.Entry{0: entry(sold, "a")}, rows: map[contracts.OrderID]holds.Row{"a": over}, want: "a free []"},
		"a sale without ticket and row": {entries: map[int]seatstate.Entry{0: entry(sold, "a")}, want: "a free []"},
		"a hold of an ended order":      {entries: map[int]seatstate.Entry{0: entry(held, "a")}, rows: map[contracts.OrderID]holds.Row{"a": over}, want: "a free []"},
		"a hold whose row may come":     {entries: map[int]seatstate.Entry{0: entry(held, "a")}},
		"an open row without its hold":  {rows: map[contracts.OrderID]holds.Row{"a": openRow(1, 3, 4)}, want: "a held [3 4]"},
		"of other places than its row's": {
			entries: map[int]seatstate.Entry{5: entry(held, "a")}, rows: map[contracts.OrderID]holds.Row{"a": openRow(1, 3)}, want: "a held [3]",
		},
		"an open row whose hold has lapsed": {rows: map[contracts.OrderID]holds.Row{"a": openRow(1, 3)}, at: 400_000},
		"an open row whose place is sold to another": {
			entries: map[int]seatstate.Entry{0: entry(sold, "b")},
			rows:    map[contracts.OrderID]holds.Row{"a": openRow(1, 0, 1), "b": paid(0)}, tickets: map[int]contracts.OrderID{0: "b"}, lost: []contracts.OrderID{"a"},
		},
		"frees before sales before holds": {
			entries: map[int]seatstate.Entry{0: entry(held, "z"), 1: entry(held, "b")},
			rows:    map[contracts.OrderID]holds.Row{"z": over, "a": openRow(1, 0), "b": paid(1)}, tickets: map[int]contracts.OrderID{1: "b"},
			want: "z free [] b sold [1] a held [0]",
		},
	} {
		state := holds.State{Entries: c.entries, At: max(c.at, 100_000)}
		d := state.Drift(c.rows, c.tickets)
		var got string
		for _, change := range d.Changes {
			got += fmt.Sprintf(" %s %s %v", change.Order, map[seatstate.State]string{free: "free", held: "held", sold: "sold"}[change.Want], change.Places)
		}
		if got != "" {
			got = got[1:]
			if err := holds.ValidRepair(1, d.Changes); err != nil {
				t.Errorf("%s: no store takes it: %v", name, err)
			}
		}
		if got != c.want || !slices.Equal(d.Lost, c.lost) {
			t.Errorf("%s: %q, lost %v; want %q, lost %v", name, got, d.Lost, c.want, c.lost)
		}
	}
}

// Only an order whose places are exactly its tickets needs no row.
func TestUnsettled(t *testing.T) {
	state := holds.State{Entries: map[int]seatstate.Entry{
		0: entry(seatstate.Sold, "agrees"), 1: entry(seatstate.Sold, "agrees"), 2: entry(seatstate.Held, "holds"),
		3: entry(seatstate.Sold, "ghost"), 4: entry(seatstate.Sold, "half"), 5: entry(seatstate.Held, "early"),
	}}
	tickets := map[int]contracts.OrderID{0: "agrees", 1: "agrees", 4: "half", 5: "early", 6: "half", 7: "unseen"}
	if got, want := state.Unsettled(tickets), []contracts.OrderID{"early", "ghost", "half", "holds", "unseen"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
