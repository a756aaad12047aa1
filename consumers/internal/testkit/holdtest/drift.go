package holdtest

import (
	"fmt"
	"maps"
	"sync"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
)

// rows stands for DynamoDB in a test of repairs: the true state of each order.
type rows struct {
	mu   sync.Mutex
	all  map[contracts.OrderID]row
	sold map[int]contracts.OrderID
}

type row struct {
	version    int
	open, paid bool
	places     []int
	held       holds.Answer
}

func (r *rows) put(id contracts.OrderID, next row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[id] = next
}

// read returns rows and then tickets, in the order in which a pass reads them.
func (r *rows) read() (map[contracts.OrderID]row, map[int]contracts.OrderID) {
	r.mu.Lock()
	all := maps.Clone(r.all)
	r.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	return all, maps.Clone(r.sold)
}

// drift compares the group with rows and tickets.
func drift(state holds.State, all map[contracts.OrderID]row, sold map[int]contracts.OrderID) holds.Drift {
	rows := map[contracts.OrderID]holds.Row{}
	for id, r := range all {
		rows[id] = holds.Row{Version: r.version, Hash: "h", Open: r.open, Paid: r.paid, Places: r.places, HeldAt: r.held.HeldAt, ExpiresAt: r.held.ExpiresAt}
	}
	return state.Drift(rows, sold)
}

// pass repairs the group once.
func (r *rows) pass(f *fixture) {
	state, err := f.b.State(f.Context(), f.g)
	if err != nil {
		f.Error(err)
		return
	}
	all, sold := r.read()
	if wanted := drift(state, all, sold).Changes; len(wanted) > 0 {
		if _, err := f.b.Repair(f.Context(), f.g, state.Revision.Epoch, wanted); err != nil {
			f.Error(err)
		}
	}
}

var driftPromises = []promise{
	{"one pass repairs a difference of each kind", func(f *fixture) {
		r := planted(f)
		f.step(func() error { r.pass(f); return nil })
		r.agree(f)
	}},
	{"while orders come and go one pass repairs what was planted, and no running hold is lost", func(f *fixture) {
		r := planted(f)
		var passes, buyers sync.WaitGroup
		stop, begun := make(chan struct{}), make(chan struct{})
		passes.Go(func() {
			r.pass(f)
			close(begun)
			for {
				select {
				case <-stop:
					return
				default:
					r.pass(f)
				}
			}
		})
		for i := range 8 {
			buyers.Go(func() { r.buy(f, i) })
		}
		<-begun
		state := f.look()
		for p, want := range map[int]contracts.OrderID{0: "owner", 1: "owner", 2: "", 3: "", 4: "open", 5: "open", 6: "unseen", 7: "unseen"} {
			if got := state.Entries[p].Order; got != want {
				f.Errorf("after the first pass place %d is %q's, want %q", p, got, want)
			}
		}
		buyers.Wait()
		close(stop)
		passes.Wait()
		r.agree(f)
	}},
}

// planted loads a group that differs from its rows in each way: a ticket whose place is free and one whose place another
// order holds, a sale without a ticket, an open row without its hold, and holds of an ended row, one of them on a place
// that a paid order owns. It also has a hold whose row is on its way. Of the paid order's two tickets one is visible.
func planted(f *fixture) *rows {
	f.Helper()
	row1 := func(order string, places ...int) holds.OpenOrder {
		o := open(f, contracts.OrderID(order), 1, places...)
		o.Hash = "h"
		return o
	}
	f.load(holds.Load{Places: 30, Sold: map[int]contracts.OrderID{3: "ghost"}, Open: []holds.OpenOrder{row1("displaced", 1, 2), row1("dead", 6, 7)}})
	hold := f.held("onItsWay", 8)
	r := &rows{all: map[contracts.OrderID]row{}, sold: map[int]contracts.OrderID{0: "owner", 1: "owner", 7: "unseen"}}
	r.put("owner", row{version: 3, paid: true, places: []int{0, 1}})
	r.put("unseen", row{version: 2, paid: true, places: []int{6, 7}})
	r.put("ghost", row{version: 4})
	r.put("displaced", row{version: 2})
	r.put("dead", row{version: 2})
	r.put("open", row{version: 1, open: true, places: []int{4, 5}, held: hold})
	return r
}

// buy makes orders one after another, as handlers do: first the hold, then the row. Some of them end, the row first.
func (r *rows) buy(f *fixture, buyer int) {
	for n := range 40 {
		id := contracts.OrderID(fmt.Sprintf("buyer%d-%d", buyer, n))
		places := []int{9 + (7*buyer+3*n)%21, 9 + (7*buyer+3*n+1)%21}
		a, err := Hold(f.Context(), f.b, f.g, holds.Ask{Order: id, Hash: "h", Places: places})
		if err != nil {
			f.Error(err)
			return
		}
		if a.Outcome != holds.Held {
			continue
		}
		r.put(id, row{version: 1, open: true, places: places, held: a})
		if n == 39 {
			continue
		}
		r.put(id, row{version: 2, places: places})
		if _, err := f.b.Release(f.Context(), f.g, id, 2); err != nil {
			f.Error(err)
			return
		}
	}
}

// agree checks that the group is what the rows say.
func (r *rows) agree(f *fixture) {
	f.Helper()
	all, sold := r.read()
	if wanted := drift(f.look(), all, sold).Changes; len(wanted) > 0 {
		f.Fatalf("these differ still: %+v", wanted)
	}
	f.wantHolder("onItsWay", 8)
	for id, row := range all {
		if row.open || row.paid {
			f.wantHolder(id, row.places...)
		}
	}
}
