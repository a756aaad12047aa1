// Package seatstate fixes how a seat group lies in Redis: the names of its keys and the coding of a seat's entry, an
// order's record and the seat map. Producers read it, consumers' scripts write it, so both sides and the Lua code
// agree on these few strings. The package is pure; the scripts are in consumers/internal/adapters/redishold.
//
// A seat is a *place* here: its index in the seats of its group's layout item, from 0. Each layout version counts anew, so
// that a place means a seat only together with the version (GroupVersion). A version never changes, and the one that is
// sold is frozen before the on-sale. Names are for people and messages; places keep entries short and are the index of the
// map.
package seatstate

import "boxoffice/contracts"

// GroupVersion is a seat group in one layout version: what places are counted in. Redis has a group in one version at a
// time, and counts as not loaded for a call of another version.
type GroupVersion struct {
	contracts.SeatGroup
	// LayoutVersion is at least 1. It is 0 for a release that names an order and no place: whichever version is loaded.
	LayoutVersion int
}

// In is the group in a layout version.
func In(g contracts.SeatGroup, layoutVersion int) GroupVersion {
	return GroupVersion{SeatGroup: g, LayoutVersion: layoutVersion}
}

// Keys are the keys of one seat group. All carry the hash tag {concertId#group}, so that one script may touch them
// all in cluster mode.
type Keys struct {
	// Rev is a string "epoch.rev.layoutVersion", see Revision. It exists if and only if the group is loaded.
	Rev string
	// Map is a string of 2 bits a place: see SeatMap.
	Map string
	// Seats is a hash of the taken places: place → Entry. A free place has no field.
	Seats string
	// Orders is a hash of order id → Record.
	Orders string
	// Lapses is a sorted set of the order ids that hold something here, by the instant their entries lapse.
	Lapses string
	// Ends is a sorted set of the order ids whose record is over, by the instant the record may be dropped.
	Ends string
	// Lock is the rebuild lock: the fencing token of who may load the group. It expires by itself.
	Lock string
	// Lag is how far the group's decisions are behind its queue, in milliseconds, as text. It expires after LagKept.
	Lag string
}

// PaceKey has the lag of whoever decided last, in any group, in milliseconds, as text. It expires after LagKept.
const PaceKey = "boxoffice:pace"

// PaymentLagKey has how far the steps of payments are behind their queue, as whoever took the last one found it, in
// milliseconds, as text. It expires after PaymentLagKept.
const PaymentLagKey = "boxoffice:payment-lag"

// KeysOf names the keys of a group.
func KeysOf(g contracts.SeatGroup) Keys {
	tag := "{" + g.Key() + "}:"
	return Keys{
		Rev:    tag + "rev",
		Map:    tag + "map",
		Seats:  tag + "seats",
		Orders: tag + "orders",
		Lapses: tag + "lapses",
		Ends:   tag + "ends",
		Lock:   tag + "lock",
		Lag:    tag + "lag",
	}
}

// All lists the keys in the order in which every script takes them as KEYS[1] to KEYS[8].
func (k Keys) All() []string {
	return []string{k.Rev, k.Map, k.Seats, k.Orders, k.Lapses, k.Ends, k.Lock, k.Lag}
}
