// Package holds defines the types of the calls to a store of holds: what a handler asks for, what the store answers, and
// what a group is loaded from. It is pure. Handlers declare the few methods that they need with these types, redishold and
// memhold implement them, and holdtest checks both against the same promises.
//
// Seats are places here (contracts/seatstate): indexes into the seats of the group's layout item. So every call that names
// places takes the group in the layout version that they belong to.
package holds

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// ErrNotLoaded means that the group is not in Redis, or not in the layout version of the call. It says nothing about a seat:
// the caller rebuilds the group and asks again. A missing key never means "free". Nothing was written.
var ErrNotLoaded = errors.New("seat group is not loaded")

// ErrLoadRefused means that a load wrote nothing: the group is loaded already in this layout version or under a later token,
// or the lock no longer carries the load's token. Either way another process takes care of the group, so the caller repeats
// the call that got ErrNotLoaded.
var ErrLoadRefused = errors.New("seat group is loaded, or the lock has another token")

// Ask is the request of one order for places of its group.
type Ask struct {
	Order contracts.OrderID
	// Hash is the request hash of the order's body: 1 to 64 of A-Z a-z 0-9 _ -, but not "-".
	Hash string
	// Places are 1 to MaxPlaces different places of the group, from 0.
	Places []int
}

// Run is the consecutive orders of one group that one call decides, each as if it came alone.
type Run struct {
	// Asks has at least one ask, and each order once. The caller has a later message of an order wait until the earlier one
	// has made the order's row; the store does not check that.
	Asks []Ask
	// SentAt is when the queue took the last message of the run, 0 if that is not known. The store keeps the time from then
	// to the decision as the group's lag for seatstate.LagKept.
	SentAt contracts.Instant
}

// Outcome of asking for a hold.
type Outcome string

// Outcomes. All places of an order are held, or none.
const (
	// Held: the order holds Places until ExpiresAt. An order that already held here gets its first places and its
	// first end, whatever it asked for now; a hold is never prolonged.
	Held Outcome = "HELD"
	// Taken: Places, some of those asked for, are held by or sold to another order. Nothing was written.
	Taken Outcome = "TAKEN"
	// Gone: the order has ended in this group, its hold has lapsed, or it owns a place of the group. Nothing was written.
	Gone Outcome = "GONE"
	// Other: the order is known here with another request hash. Nothing was written.
	Other Outcome = "OTHER"
	// Again: the order shares a place with an order that this run holds, or with an earlier Again. Nothing was written. That
	// order may still fail, so this one is asked for in the next call, once the rows of this run are known.
	Again Outcome = "AGAIN"
	// Forwarded: the order was sent on from this group to Answer.To, and is never held here again.
	Forwarded Outcome = "FORWARDED"
	// Unknown: Forward was called with Nowhere, and the group has no record of the order. Nothing was written.
	Unknown Outcome = "UNKNOWN"
)

// Forwarding is the group that a best-available order was sent on to.
type Forwarding struct {
	Group string
	// Hop is the number of groups that the order came through before, 1 to 9.
	Hop int
}

// Nowhere is no Forwarding. Forward with Nowhere writes nothing and returns what the group knows of the order: an earlier try
// whose answer was lost may have made a hold here, and then the order must not be refused for want of seats.
var Nowhere Forwarding

// String returns the coding in a record: "group:hop".
func (f Forwarding) String() string { return f.Group + ":" + strconv.Itoa(f.Hop) }

// ParseForwarding is the inverse of String.
func ParseForwarding(s string) (Forwarding, error) {
	group, hop, found := strings.Cut(s, ":")
	n, err := strconv.Atoi(hop)
	if !found || err != nil || n < 1 || group == "" {
		return Forwarding{}, fmt.Errorf("forwarding %q is not GROUP:HOP", s)
	}
	return Forwarding{Group: group, Hop: n}, nil
}

// Answer to an Ask.
type Answer struct {
	Outcome Outcome
	// Places are set when Held or Taken.
	Places []int
	// HeldAt and ExpiresAt are set when Held: the instant the hold was made, and the instant it ends.
	HeldAt, ExpiresAt contracts.Instant
	// To is set when Forwarded.
	To Forwarding
	// At is when the store decided, by the store's clock.
	At contracts.Instant
}

// Release is the result of freeing an order's places.
type Release struct {
	// Stale: a later version of the order's row was applied before; nothing was written. Never an error.
	Stale bool
	// Freed are the places that became free, none if there was nothing to free.
	Freed []int
	// At is when the store decided, by the store's clock.
	At contracts.Instant
}

// Sale is the result of selling an order's places.
type Sale struct {
	// Stale: a later version of the order's row was applied before; nothing was written. Never an error.
	Stale bool
	// Conflict is set when a place is sold to another order: nothing was written.
	Conflict *Conflict
	// Displaced are the orders whose holds were overwritten, each once, in no order. Each lost its whole hold, also the
	// places that were not sold. The caller sends each of them a message.
	Displaced []contracts.OrderID
}

// Conflict is a place that is sold to another order.
type Conflict struct {
	Place int
	Owner contracts.OrderID
}

// Load is a whole group as DynamoDB knows it.
type Load struct {
	// Token is the fencing token under which the group was read, at least 1. The lock must still carry it.
	Token int64
	// Places is the number of places of the group, 1 to MaxPlaces.
	Places int
	// Sold maps a place to the order whose ticket it is.
	Sold map[int]contracts.OrderID
	// Open are the open orders of the group, also those past their end. Of two for one place the first gets it.
	Open []OpenOrder
}

// OpenOrder is an open row that holds places of the group, also past its end.
type OpenOrder struct {
	Ask
	Version           int
	HeldAt, ExpiresAt contracts.Instant
}

// Kept is the hold that an open row says its order has. Keep makes it where it is missing or different.
type Kept struct {
	Ask
	// Version of the row that was read, at least 1.
	Version           int
	HeldAt, ExpiresAt contracts.Instant
}

// Applied is the result of applying a version of a row to its group.
type Applied string

// Results of Keep.
const (
	// OK: the group is as the version says, since now or before.
	OK Applied = "OK"
	// Stale: a later version was applied before, the order has ended here, or the hold would have lapsed already. Nothing was
	// written; the caller reads the row again. Never an error.
	Stale Applied = "STALE"
	// Busy: a place is held by or sold to another order. Nothing was written: the transaction of the tickets decides.
	Busy Applied = "TAKEN"
)

// UnreadError means that a call that reads several groups got no answer about some: their shard of Redis is down. The results
// of the other groups are right. Nothing is known of the Groups here: they count neither as not loaded nor as free.
type UnreadError struct {
	Groups []contracts.SeatGroup
	Err    error
}

// Error implements error.
func (e *UnreadError) Error() string {
	return fmt.Sprintf("%d groups not read, the first is %s: %v", len(e.Groups), e.Groups[0].Key(), e.Err)
}

// Unwrap returns the cause.
func (e *UnreadError) Unwrap() error { return e.Err }
