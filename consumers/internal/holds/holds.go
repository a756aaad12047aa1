// Package holds has the words in which handlers ask for seats in Redis and are answered: what a hold is, what can
// become of asking for one, and what a group is loaded from. It is pure; handlers declare the few methods they need
// in these words, redishold and memhold fill them, and holdtest holds both to the same promises.
//
// Seats are places here (contracts/seatstate): indexes into the seats of the group's layout item. So every call that names
// places takes the group in the layout version that they are of.
package holds

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// ErrNotLoaded says that the group is not in Redis, or not in the layout version whose places are meant. It is never an
// answer about a seat: the caller rebuilds the group and asks again. A missing key never means "free".
var ErrNotLoaded = errors.New("seat group is not loaded")

// ErrLoadRefused says that a load wrote nothing: the group is loaded already in this layout version or under a later
// token, or the lock no longer carries the load's token. In both cases somebody else has seen to the group, so the call that met ErrNotLoaded is made again.
var ErrLoadRefused = errors.New("seat group is loaded, or the lock has another token")

// Ask is what one order wants in its group.
type Ask struct {
	Order contracts.OrderID
	// Hash is the request hash of the order's body.
	Hash   string
	Places []int
}

// Run is the consecutive orders of one group that one call decides, each as if it came alone.
type Run struct {
	Asks []Ask
	// SentAt is when the queue took the last message of the run, 0 if that is not known. The time from then to the
	// decision is left as the group's lag for seatstate.LagKept.
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
	// Gone: the order is over in this group, held here and lapsed, or owns a place of it. Nothing was written.
	Gone Outcome = "GONE"
	// Other: the order is known here with another request hash. Nothing was written.
	Other Outcome = "OTHER"
	// Again: the order shares a place with one that this run holds, or with an earlier Again, or this run refused it or
	// made it wait with another hash. Nothing was written. It is decided by the next run, once the rows of this one are
	// known: the holder may still fail, and of two bodies of one order the earlier decides its row.
	Again Outcome = "AGAIN"
	// Forwarded: the order was sent on from this group to Forwarding, and is never held here again. Nothing was written.
	Forwarded Outcome = "FORWARDED"
	// Unknown: the order was to be sent Nowhere, and the group has no record of it. Nothing was written.
	Unknown Outcome = "UNKNOWN"
)

// Forwarding is where a best-available order was sent on to.
type Forwarding struct {
	Group string
	// Hop is the number of groups that it came through before, at least 1.
	Hop int
}

// Nowhere is no Forwarding. To send an order nowhere is to ask what the group knows of it and to write nothing: it may
// hold here, by a try whose answer was lost, and must then not be refused for want of seats.
var Nowhere Forwarding

// String is the coding in a record: "group:hop".
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
	Places  []int
	// HeldAt and ExpiresAt are set when Held: the instant the hold was made, and that plus the hold's length.
	HeldAt, ExpiresAt contracts.Instant
	// To is set when Forwarded.
	To Forwarding
	// At is when the store decided, by the store's clock.
	At contracts.Instant
}

// Release of an order's hold.
type Release struct {
	// Stale: a later version of the order's row was applied before; nothing was written. Never an error.
	Stale bool
	// Freed are the places that became free, none if there was nothing to free.
	Freed []int
	At    contracts.Instant
}

// Sale is what became of selling an order's places.
type Sale struct {
	// Stale: a later version of the order's row was applied before; nothing was written. Never an error.
	Stale bool
	// Conflict is set when a place is sold to another order: nothing was written.
	Conflict *Conflict
	// Displaced are the orders whose holds were overwritten, each once, in no order. Each lost its whole hold, also the
	// places that were not sold. They are told by a message.
	Displaced []contracts.OrderID
}

// Conflict is a place that is sold to another order.
type Conflict struct {
	Place int
	Owner contracts.OrderID
}

// Load is a whole group as DynamoDB knows it.
type Load struct {
	// Token is the fencing token under which the group was read. The lock must still carry it.
	Token int64
	// Places is the number of places of the group.
	Places int
	// Sold maps a place to the order whose ticket it is.
	Sold map[int]contracts.OrderID
	Open []OpenOrder
}

// OpenOrder is an open row that holds places of the group, also past its end.
type OpenOrder struct {
	Ask
	Version           int
	HeldAt, ExpiresAt contracts.Instant
}

// Kept is the hold of an open row, as it is made again where it is missing or has other places than the row.
type Kept struct {
	Ask
	// Version of the row that was read.
	Version           int
	HeldAt, ExpiresAt contracts.Instant
}

// Applied is what became of a row's version in a group.
type Applied string

// What became of it.
const (
	// OK: the group is now as the version says, or was before.
	OK Applied = "OK"
	// Stale: a later version was applied before, or the order has ended here. Read the row again. Never an error.
	Stale Applied = "STALE"
	// Busy: a place is held by or sold to another order. Nothing was written: the transaction of the tickets decides.
	Busy Applied = "TAKEN"
)

// UnreadError is of a call that reads several groups and got no answer about some: their part of Redis is down. What it returns
// of the others is right; of these nothing is known, and neither "not loaded" nor "free" may be made of that.
type UnreadError struct {
	Groups []contracts.SeatGroup
	Err    error
}

// Error implements error.
func (e *UnreadError) Error() string {
	return fmt.Sprintf("%d groups not read, the first is %s: %v", len(e.Groups), e.Groups[0].Key(), e.Err)
}

// Unwrap gives the cause.
func (e *UnreadError) Unwrap() error { return e.Err }
