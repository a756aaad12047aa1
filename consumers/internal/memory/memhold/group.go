package memhold

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// group is one loaded seat group. After every call:
//   - a place has a held entry if and only if one record is held and lists it, with the same lapse;
//   - a held record lists all places that the order got together, never a part of them;
//   - an ended record lists no places and has an end; a held one has no end.
type group struct {
	revision seatstate.Revision
	places   int
	seats    map[int]seatstate.Entry
	orders   map[contracts.OrderID]seatstate.Record
	ends     map[contracts.OrderID]contracts.Instant
}

func newGroup(layoutVersion int, l holds.Load, now contracts.Instant, lapseAfter time.Duration) *group {
	grp := &group{
		revision: seatstate.Revision{Epoch: l.Token, Rev: 1, LayoutVersion: layoutVersion},
		places:   l.Places,
		seats:    map[int]seatstate.Entry{},
		orders:   map[contracts.OrderID]seatstate.Record{},
		ends:     map[contracts.OrderID]contracts.Instant{},
	}
	for p, order := range l.Sold {
		grp.seats[p] = seatstate.Entry{State: seatstate.Sold, Order: order}
	}
	for _, o := range l.Open {
		_, twice := grp.orders[o.Order]
		if twice || slices.ContainsFunc(o.Places, func(p int) bool { return grp.seats[p].State != seatstate.Free }) {
			continue
		}
		// An order past its end is held until its lapse from now: its row is still open and may yet be paid for.
		grp.write(o.Order, seatstate.Record{
			Version: o.Version, Hash: o.Hash, HeldAt: o.HeldAt, HoldExpiresAt: o.ExpiresAt,
			Lapses: max(o.ExpiresAt, now).Add(lapseAfter), Places: slices.Clone(o.Places),
		})
	}
	return grp
}

// inside reports, as invalid, the first of places that the map has no room for. The map has room for the places of the group,
// rounded up to a whole byte.
func (grp *group) inside(g seatstate.GroupVersion, places []int) error {
	for _, p := range places {
		if p >= 4*seatstate.MapBytes(grp.places) {
			return invalid(fmt.Errorf("%w: place %d is outside %s", holds.ErrInvalid, p, g.Key()))
		}
	}
	return nil
}

// change runs a call, and raises the revision by one if the call changed a place.
func (grp *group) change(call func()) {
	before := maps.Clone(grp.seats)
	call()
	if !maps.Equal(before, grp.seats) {
		grp.revision.Rev++
	}
}

// sweep ends lapsed holds and deletes records whose time is over, the earliest first, SweepLimit of each. It does not
// delete a record that it has just ended.
func (grp *group) sweep(now contracts.Instant) {
	lapses := map[contracts.OrderID]contracts.Instant{}
	for order, record := range grp.orders {
		if record.State == seatstate.RecordHeld {
			lapses[order] = record.Lapses
		}
	}
	for _, order := range due(lapses, now) {
		grp.end(order, now)
	}
	for _, order := range due(grp.ends, now) {
		delete(grp.ends, order)
		delete(grp.orders, order)
	}
}

// due returns the orders that are due at now, by instant and then by order id, SweepLimit at most.
func due(at map[contracts.OrderID]contracts.Instant, now contracts.Instant) []contracts.OrderID {
	var orders []contracts.OrderID
	for order, instant := range at {
		if instant <= now {
			orders = append(orders, order)
		}
	}
	slices.SortFunc(orders, func(a, b contracts.OrderID) int { return cmp.Or(cmp.Compare(at[a], at[b]), cmp.Compare(a, b)) })
	return orders[:min(len(orders), seatstate.SweepLimit)]
}

// holdRun decides asks in order. An order that shares a place with one that this run holds, or with an earlier Again, is
// Again: the holder may still fail, so the order is decided once the holder's row is known.
func (grp *group) holdRun(asks []holds.Ask, now contracts.Instant, o Options) []holds.Answer {
	claimed := map[int]bool{}
	answers := make([]holds.Answer, len(asks))
	for i, ask := range asks {
		_, known := grp.orders[ask.Order]
		if !known && slices.ContainsFunc(ask.Places, func(p int) bool { return claimed[p] }) {
			answers[i] = holds.Answer{Outcome: holds.Again}
		} else {
			answers[i] = grp.hold(ask, now, o)
		}
		answers[i].At = now
		var claims []int
		switch answers[i].Outcome {
		case holds.Held:
			claims = answers[i].Places
		case holds.Again:
			claims = ask.Places
		}
		for _, p := range claims {
			claimed[p] = true
		}
	}
	return answers
}

// hold decides one ask. The order's own record decides before the places do.
func (grp *group) hold(ask holds.Ask, now contracts.Instant, o Options) holds.Answer {
	if record, known := grp.orders[ask.Order]; known {
		return answerOf(record, ask.Hash, now)
	}
	var taken []int
	for _, p := range ask.Places {
		entry, has := grp.seats[p]
		if has && entry.State == seatstate.Sold && entry.Order == ask.Order {
			// It was paid for, and its record is gone: a committed order needs no hold any more.
			return holds.Answer{Outcome: holds.Gone}
		}
		if has && entry.TakenFrom(ask.Order, now) {
			taken = append(taken, p)
		}
	}
	if len(taken) > 0 {
		return holds.Answer{Outcome: holds.Taken, Places: taken}
	}
	// A hold that is still in the way has lapsed and the sweep did not reach it. Its order ends with all its places, so
	// that no order ever holds some of its seats.
	for _, p := range ask.Places {
		if entry, has := grp.seats[p]; has {
			grp.end(entry.Order, now)
		}
	}
	expires := now.Add(o.HoldFor)
	return heldAnswer(grp.write(ask.Order, seatstate.Record{
		Hash: ask.Hash, HeldAt: now, HoldExpiresAt: expires, Lapses: expires.Add(o.LapseAfter), Places: slices.Clone(ask.Places),
	}))
}

// forward records where an order was sent on to, if anywhere. The order's own record comes first, as for a hold.
func (grp *group) forward(order contracts.OrderID, hash string, to holds.Forwarding, now contracts.Instant) holds.Answer {
	if record, known := grp.orders[order]; known {
		return answerOf(record, hash, now)
	}
	if to == holds.Nowhere {
		return holds.Answer{Outcome: holds.Unknown}
	}
	grp.orders[order] = seatstate.Record{State: seatstate.RecordForwarded, Hash: hash, To: to.String()}
	grp.ends[order] = now.Add(seatstate.RecordKept)
	return holds.Answer{Outcome: holds.Forwarded, To: to}
}

// answerOf is the answer that an order's record gives to Hold and Forward. A record without a hash was made by a release
// before any hold: it is Gone for every hash.
func answerOf(record seatstate.Record, hash string, now contracts.Instant) holds.Answer {
	switch {
	case record.Hash != "" && record.Hash != hash:
		return holds.Answer{Outcome: holds.Other}
	case record.State == seatstate.RecordForwarded:
		return forwardedAnswer(record)
	case record.State == seatstate.RecordHeld && record.Lapses > now:
		return heldAnswer(record)
	default:
		return holds.Answer{Outcome: holds.Gone}
	}
}

func forwardedAnswer(r seatstate.Record) holds.Answer {
	to, err := holds.ParseForwarding(r.To)
	if err != nil {
		panic(err) // only forward writes it
	}
	return holds.Answer{Outcome: holds.Forwarded, To: to}
}

func heldAnswer(r seatstate.Record) holds.Answer {
	return holds.Answer{Outcome: holds.Held, Places: slices.Clone(r.Places), HeldAt: r.HeldAt, ExpiresAt: r.HoldExpiresAt}
}

// write makes the record held, with an entry for each of its places.
func (grp *group) write(order contracts.OrderID, r seatstate.Record) seatstate.Record {
	r.State = seatstate.RecordHeld
	for _, p := range r.Places {
		grp.seats[p] = seatstate.Entry{State: seatstate.Held, Order: order, Lapses: r.Lapses}
	}
	grp.orders[order] = r
	return r
}

// free deletes the entries of places.
func (grp *group) free(places []int) {
	for _, p := range places {
		delete(grp.seats, p)
	}
}

// end frees what the order holds, never what is sold to it, and keeps its record as ended for RecordKept from now, so that
// a late message for the order finds it. It returns the freed places.
func (grp *group) end(order contracts.OrderID, now contracts.Instant) []int {
	record := grp.orders[order]
	var freed []int
	for _, p := range record.Places {
		if entry := grp.seats[p]; entry.State == seatstate.Held && entry.Order == order {
			delete(grp.seats, p)
			freed = append(freed, p)
		}
	}
	record.State, record.Places, record.To = seatstate.RecordEnded, nil, ""
	grp.orders[order] = record
	grp.ends[order] = now.Add(seatstate.RecordKept)
	return freed
}
