// Package seatstate defines how a seat group is stored in Redis: the names of its keys and the coding of a seat's entry, an
// order's record and the seat map. Consumers write it with Lua scripts (consumers/internal/adapters/redishold), and producers
// read it. The package is pure.
//
// A *place* is the index of a seat in readmodel.LayoutGroup.Seats, from 0. Each layout version counts its own places, so that a
// place identifies a seat only together with the version (GroupVersion). A version never changes, and the one that is sold is
// frozen before the on-sale. People and messages use the names of seats. Redis uses places: they keep entries short and are
// the index of the map.
package seatstate

import "boxoffice/contracts"

// GroupVersion is a seat group in one layout version, in which places are counted. Redis has a group in one version at a time;
// for calls with another version the group is not loaded.
type GroupVersion struct {
	contracts.SeatGroup
	// LayoutVersion is at least 1. A release that names an order and no place may have 0, which means any loaded version.
	LayoutVersion int
}

// In returns the group in a layout version.
func In(g contracts.SeatGroup, layoutVersion int) GroupVersion {
	return GroupVersion{SeatGroup: g, LayoutVersion: layoutVersion}
}

// Keys are the keys of one seat group. All have the hash tag {concertId#group}, so that one script can use all of them in
// cluster mode.
type Keys struct {
	// Rev is a string with the coding of Revision. It exists if and only if the group is loaded.
	Rev string
	// Map is a string with a SeatMap.
	Map string
	// Seats is a hash of the taken places: place → Entry. A free place has no field.
	Seats string
	// Orders is a hash: order id → Record.
	Orders string
	// Lapses is a sorted set of the orders that hold places here. The score is the instant at which their entries lapse.
	Lapses string
	// Ends is a sorted set of the orders whose record has ended. The score is the instant from which the record may be deleted.
	Ends string
	// Lock is the rebuild lock: the fencing token of the process that may load the group. It expires by itself.
	Lock string
	// Lag is how late the group's last decision was after its message was sent, in milliseconds, as text. It expires after
	// LagKept.
	Lag string
}

// PaceKey is the key of the lag of the last decision in any group, in milliseconds, as text. It expires after LagKept.
const PaceKey = "boxoffice:pace"

// PaymentLagKey is the key of the lag of the last payment step, in milliseconds, as text. It expires after PaymentLagKept.
const PaymentLagKey = "boxoffice:payment-lag"

// KeysOf returns the keys of a group.
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

// All returns the keys in the order in which every script expects them as KEYS[1] to KEYS[8].
func (k Keys) All() []string {
	return []string{k.Rev, k.Map, k.Seats, k.Orders, k.Lapses, k.Ends, k.Lock, k.Lag}
}
