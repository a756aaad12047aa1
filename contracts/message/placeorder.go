package message

import (
	"slices"
	"strconv"

	"boxoffice/contracts"
)

// KindPlaceOrder asks for seats. Cause: POST /orders. Handler: consumers/internal/reserve/place.go.
const KindPlaceOrder Kind = "PlaceOrder"

// PlaceOrder is version 1, or version 2 if it asks for accessible places: a consumer that does not know them must refuse the
// message instead of reading it as an order for any seats. It has no prices: they are fixed from the catalogue when the seats
// are held.
type PlaceOrder struct {
	OrderID       contracts.OrderID `json:"orderId"`
	UserID        string            `json:"userId"`
	ConcertID     string            `json:"concertId"`
	Group         string            `json:"group"`
	LayoutVersion int               `json:"layoutVersion"`
	// Seats are the names of seats of Group, in the order of the buyer's request, none twice. Empty when BestAvailable is set.
	Seats       []string `json:"seats,omitempty"`
	RequestHash string   `json:"requestHash"`
	// AcceptedAt is when the producer answered 202, by its clock. An order that is still undecided at Deadline is refused.
	AcceptedAt contracts.Instant `json:"acceptedAt"`
	Deadline   contracts.Instant `json:"deadline"`
	// BestAvailable asks for any adjacent seats instead of Seats. Group is the group to try.
	BestAvailable *BestAvailable `json:"bestAvailable,omitempty"`
	// Visited are the groups that had no such seats and forwarded the order, the first group first; at most MaxHops.
	Visited []string `json:"visited,omitempty"`
}

// BestAvailable asks for Quantity adjacent seats in Section, or anywhere if Section is "".
type BestAvailable struct {
	Section  string `json:"section,omitempty"`
	Quantity int    `json:"quantity"`
	// Accessible is the exact number of accessible places among them; 0 for an ordinary order. Any other number is version 2.
	Accessible int `json:"accessible,omitempty"`
}

// MaxHops is how often a best-available order is forwarded. Groups whose map shows no such seats are skipped, so each hop
// leads to a group that had seats a moment before.
const MaxHops = 3

// MaxSeatsPerOrder bounds every order, whatever the limit of its concert, so that its transaction fits into DynamoDB's 100
// items.
const MaxSeatsPerOrder = 20

// Kind implements Message.
func (PlaceOrder) Kind() Kind { return KindPlaceOrder }

func (m PlaceOrder) version() int {
	if m.BestAvailable != nil && m.BestAvailable.Accessible != 0 {
		return 2
	}
	return 1
}

// SeatGroup is the seat group in whose order the message is handled.
func (m PlaceOrder) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The cause is the request hash: the same idempotency key with another body is another message, and
// the row decides between both. The cause of a forwarded order also has the number of its hops.
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

// ValidUserID reports whether id is 1 to 128 characters of printable ASCII without spaces. The id is sent as a message
// attribute, where SQS refuses control characters, and a message that SQS refuses would look like an unreachable queue.
func ValidUserID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxUserID
}
