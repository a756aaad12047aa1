package message

import (
	"slices"
	"strconv"

	"boxoffice/contracts"
)

// KindPlaceOrder asks for seats. Cause: POST /orders. Handler: consumers/internal/reserve/place.go.
const KindPlaceOrder Kind = "PlaceOrder"

// PlaceOrder is version 1, or version 2 if it asks for accessible places: a consumer that does not know them must not take
// it for an order of any seats. Prices are not in it: they are fixed from the catalogue when the seats are held.
type PlaceOrder struct {
	OrderID       contracts.OrderID `json:"orderId"`
	UserID        string            `json:"userId"`
	ConcertID     string            `json:"concertId"`
	Group         string            `json:"group"`
	LayoutVersion int               `json:"layoutVersion"`
	// Seats by name, all of Group, in the order the buyer gave them, none twice. None when BestAvailable is set.
	Seats       []string `json:"seats,omitempty"`
	RequestHash string   `json:"requestHash"`
	// AcceptedAt is the producer's clock when it answered 202. Deadline is when the order is refused if it still waits.
	AcceptedAt contracts.Instant `json:"acceptedAt"`
	Deadline   contracts.Instant `json:"deadline"`
	// BestAvailable asks for any adjacent seats in place of Seats. Group is the one that is tried.
	BestAvailable *BestAvailable `json:"bestAvailable,omitempty"`
	// Visited are the groups that had no such seats and sent the order on, the first one first; at most MaxHops.
	Visited []string `json:"visited,omitempty"`
}

// BestAvailable asks for Quantity adjacent seats, in a section if one is named.
type BestAvailable struct {
	Section  string `json:"section,omitempty"`
	Quantity int    `json:"quantity"`
	// Accessible is how many of them must be accessible places, exactly. 0 is an ordinary order. From version 2 on.
	Accessible int `json:"accessible,omitempty"`
}

// MaxHops is how often a best-available order is sent on. Groups without such seats on their map are skipped, so each
// hop is a group that lost its seats in the last moment.
const MaxHops = 3

// MaxSeatsPerOrder bounds every order, whatever a concert's own limit, so that its transaction fits DynamoDB's 100 items.
const MaxSeatsPerOrder = 20

// Kind implements Message.
func (PlaceOrder) Kind() Kind { return KindPlaceOrder }

func (m PlaceOrder) version() int {
	if m.BestAvailable != nil && m.BestAvailable.Accessible != 0 {
		return 2
	}
	return 1
}

// SeatGroup orders the message.
func (m PlaceOrder) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The cause is the request hash: the same key with another body is another message, and the
// row decides between them. An order that was sent on has the number of its hops too.
func (m PlaceOrder) Route() Route {
	cause := m.RequestHash
	if hop := len(m.Visited); hop > 0 {
		cause += ":" + strconv.Itoa(hop)
	}
	return Route{Queue: QueueOrders, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindPlaceOrder, cause)}
}

func (m PlaceOrder) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, UserID: m.UserID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m PlaceOrder) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.checkf(ValidUserID(m.UserID), "userId has %d characters, want 1 to %d of printable ASCII", len(m.UserID), maxUserID)
	p.add(m.SeatGroup().Validate())
	p.checkf(m.LayoutVersion >= 1, "layoutVersion is %d, want at least 1", m.LayoutVersion)
	if best := m.BestAvailable; best != nil {
		p.checkf(len(m.Seats) == 0, "seats and bestAvailable are both there")
		p.checkf(best.Quantity >= 1 && best.Quantity <= MaxSeatsPerOrder, "bestAvailable.quantity is %d, want 1 to %d", best.Quantity, MaxSeatsPerOrder)
		p.checkf(best.Accessible >= 0 && best.Accessible <= best.Quantity, "bestAvailable.accessible is %d, want 0 to the quantity", best.Accessible)
		p.checkf(best.Section == "" || contracts.ValidGroup(best.Section), "bestAvailable.section %q is no name", best.Section)
	} else {
		p.checkf(len(m.Seats) >= 1 && len(m.Seats) <= MaxSeatsPerOrder, "seats has %d entries, want 1 to %d", len(m.Seats), MaxSeatsPerOrder)
		p.checkf(len(m.Visited) == 0, "visited is there without bestAvailable")
	}
	p.checkf(len(m.Visited) <= MaxHops, "visited has %d entries, want at most %d", len(m.Visited), MaxHops)
	for i, group := range m.Visited {
		p.checkf(contracts.ValidGroup(group) && group != m.Group, "visited[%d] %q is no group's name, or is this group", i, group)
	}
	for i, seat := range m.Seats {
		p.checkf(contracts.ValidSeatName(seat), "seats[%d] %q is no seat name", i, seat)
		p.checkf(!slices.Contains(m.Seats[:i], seat), "seats[%d] %q is there twice", i, seat)
	}
	p.checkf(contracts.ValidRequestHash(m.RequestHash), "requestHash has %d characters, want 22 of base64url", len(m.RequestHash))
	p.checkf(m.AcceptedAt > 0, "acceptedAt is not set")
	p.checkf(m.Deadline > m.AcceptedAt, "deadline is not after acceptedAt")
	return p.err()
}

// maxUserID bounds the subject of a token, which is the user's id.
const maxUserID = 128

// ValidUserID keeps to printable ASCII: the id travels as a message attribute, where SQS refuses control characters,
// and a message that cannot be sent would look like a queue that is down.
func ValidUserID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxUserID
}
