package reconcile

import (
	"cmp"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// salesKept is how long a count of free seats stays in Sales after it was made. Readers drop older ones as well.
const salesKept = 5 * time.Minute

// seen is a hall with those of its groups that Redis has shown in this run, by name.
type seen struct {
	*hall
	groups map[string]*group
}

// whole says that the run has seen every group.
func (s seen) whole() bool { return len(s.groups) == len(s.layout) }

// hallsOf returns the halls of which a run has seen a group, by the order of their first group.
func hallsOf(c chosen) (halls []seen) {
	at := map[*hall]int{}
	for _, g := range c.all() {
		if !g.shown {
			continue
		}
		i, known := at[g.in]
		if !known {
			i = len(halls)
			at[g.in] = i
			halls = append(halls, seen{hall: g.in, groups: map[string]*group{}})
		}
		halls[i].groups[g.Group] = g
	}
	return halls
}

// partlyKnown returns the concerts of which a run has seen some groups only. The other groups are shown as they were.
func partlyKnown(halls []seen) (concertIDs []string) {
	for _, h := range halls {
		if !h.whole() {
			concertIDs = append(concertIDs, h.ConcertID)
		}
	}
	return concertIDs
}

// counted returns what the snapshot of a group says.
func (g *group) counted() readmodel.GroupSeats {
	seats := readmodel.GroupSeats{Group: g.Group, Section: g.layout.Section, Tier: g.in.tierOf(g.layout), At: g.readAt, State: readmodel.GroupLoading}
	if lag := g.snapshot.Lag; lag != nil {
		seats.LagMs = milliseconds(*lag)
	}
	if !g.loaded() {
		return seats
	}
	seats.State = readmodel.GroupReady
	for place := range g.layout.Seats {
		switch g.snapshot.Map.At(place) {
		case seatstate.Free:
			seats.Free++
		case seatstate.Held:
			seats.Held++
		default:
			seats.Sold++
		}
	}
	return seats
}

// tierOf returns the id of a group's tier. For a layout that was stored without its tiers it is the concert's one tier of the group's
// price; "" if two have it.
func (h *hall) tierOf(layout readmodel.LayoutGroup) (id string) {
	if layout.Tier != "" {
		return layout.Tier
	}
	for _, tier := range h.Tiers {
		if tier.Price != layout.Price {
			continue
		}
		if id != "" {
			return ""
		}
		id = tier.ID
	}
	return id
}

func milliseconds(d time.Duration) *int64 {
	ms := d.Milliseconds()
	return &ms
}

// seatsOf returns the seats of a concert, and their totals: of each group what this run or an earlier one has seen last. A group
// that no run has seen in this layout is left out, and so are groups beyond MaxConcertGroups.
func (f *facts) seatsOf(h seen) (readmodel.ConcertSeats, readmodel.ConcertTotals) {
	before := map[string]readmodel.GroupSeats{}
	if item, found := f.before.Concerts[h.ConcertID]; found && item.LayoutVersion == h.LayoutVersion {
		for _, g := range item.Groups {
			before[g.Group] = g
		}
	}
	seats := readmodel.ConcertSeats{
		Item: readmodel.ConcertItem(h.ConcertID), Form: readmodel.OverviewForm, ConcertID: h.ConcertID, LayoutVersion: h.LayoutVersion,
		Groups: []readmodel.GroupSeats{}, ExpiresAt: f.at.Add(readmodel.ConcertSeatsKept).Time().Unix(),
	}
	total := readmodel.ConcertTotals{ConcertID: h.ConcertID, Sale: h.Sale(f.at), Groups: len(h.layout)}
	for _, layout := range h.layout[:min(len(h.layout), readmodel.MaxConcertGroups)] {
		g, known := before[layout.Group]
		if now := h.groups[layout.Group]; now != nil {
			g, known = now.counted(), true
		}
		if !known {
			continue
		}
		seats.Groups = append(seats.Groups, g)
		if g.State != readmodel.GroupReady {
			continue
		}
		if total.Known++; total.At == 0 || g.At < total.At {
			total.At = g.At
		}
		total.Free += g.Free
		total.Held += g.Held
		total.Sold += g.Sold
	}
	return seats, total
}

// sales returns the counts of free seats that runs of the last minutes have made, of concerts that are on sale.
func (f *facts) sales() readmodel.Sales {
	sales := readmodel.Sales{Item: readmodel.SalesItem, At: f.at, Concerts: map[string]readmodel.SeatCount{}}
	if f.before.Sales == nil {
		return sales
	}
	for id, count := range f.before.Sales.Concerts {
		concert, watched := f.chosen.watched[id]
		onSale := f.chosen.watched == nil || watched && concert.Sale(f.at) == readmodel.SaleOpen
		count.At = cmp.Or(count.At, f.before.Sales.At)
		if onSale && f.at.Sub(count.At) <= salesKept {
			sales.Concerts[id] = count
		}
	}
	return sales
}

// addSales adds the free seats of a concert that is on sale and whose groups are all known, and takes out those of any other.
func addSales(sales *readmodel.Sales, h seen, total readmodel.ConcertTotals, now contracts.Instant) {
	_, there := sales.Concerts[h.ConcertID]
	switch {
	case total.Sale != readmodel.SaleOpen || total.Known < total.Groups || now.Sub(total.At) > salesKept:
		delete(sales.Concerts, h.ConcertID)
	case there || len(sales.Concerts) < readmodel.MaxSalesConcerts:
		sales.Concerts[h.ConcertID] = readmodel.SeatCount{At: total.At, Free: total.Free, Total: total.Free + total.Held + total.Sold}
	}
}

// totalsBefore returns the totals of concerts that this run has not looked at, and that are still watched.
func (f *facts) totalsBefore() (totals []readmodel.ConcertTotals) {
	if f.before.Overview == nil {
		return nil
	}
	looked := map[string]bool{}
	for _, h := range hallsOf(f.chosen) {
		looked[h.ConcertID] = true
	}
	for _, total := range f.before.Overview.Concerts {
		concert, watched := f.chosen.watched[total.ConcertID]
		if looked[total.ConcertID] || f.chosen.watched != nil && !watched {
			continue
		}
		if watched {
			total.Sale = concert.Sale(f.at)
		}
		totals = append(totals, total)
	}
	return totals
}

// listed returns the concerts of the overview, the latest sale first, and how many are left out.
func (f *facts) listed(totals []readmodel.ConcertTotals) (listed []readmodel.ConcertTotals, left int) {
	onSaleAt := func(t readmodel.ConcertTotals) contracts.Instant { return f.chosen.watched[t.ConcertID].OnSaleAt }
	slices.SortFunc(totals, func(a, b readmodel.ConcertTotals) int {
		return cmp.Or(cmp.Compare(onSaleAt(b), onSaleAt(a)), cmp.Compare(a.ConcertID, b.ConcertID))
	})
	all := max(len(totals), len(f.chosen.watched))
	if f.chosen.watched == nil {
		f.missing[readmodel.PartSeats] = true
		if f.before.Overview != nil {
			all = max(all, len(f.before.Overview.Concerts)+f.before.Overview.LeftOut)
		}
	}
	if f.report.Left.Unknown > 0 {
		f.missing[readmodel.PartSeats] = true
	}
	listed = append([]readmodel.ConcertTotals{}, totals[:min(len(totals), readmodel.MaxOverviewConcerts)]...)
	return listed, all - len(listed)
}
