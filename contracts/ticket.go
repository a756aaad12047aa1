package contracts

import (
	"crypto/sha256"
	"encoding/base32"
)

// TicketID identifies a ticket. It is opaque. It is no proof at a gate, which checks a signature.
type TicketID string

// ticketIDChars is how many characters of a ticket id follow the "t": 130 bits in the alphabet of order ids.
const ticketIDChars = 26

// TicketIDOf returns the id of an order's ticket for a seat. It is a pure function of both, so it is not stored and a ticket
// cannot get a second id. The id can be computed only with the order's id, which cannot be guessed, and the order's id cannot
// be computed from it. If the seat is refunded and sold again, the new ticket has another id.
func TicketIDOf(order OrderID, seat string) TicketID {
	sum := sha256.Sum256([]byte("ticket\x00" + string(order) + "\x00" + seat))
	return TicketID("t" + base32.NewEncoding(OrderIDAlphabet).EncodeToString(sum[:])[:ticketIDChars])
}

// TicketStatus is the state of a ticket.
type TicketStatus string

// Statuses of a ticket. Only a VALID ticket has a code that opens a gate.
const (
	// TicketValid is the status of a ticket of a confirmed order.
	TicketValid TicketStatus = "VALID"
	// TicketSuspended is the status of a ticket while its refund is under way.
	TicketSuspended TicketStatus = "SUSPENDED"
	// TicketRefunded is the status of a ticket whose money went back.
	TicketRefunded TicketStatus = "REFUNDED"
)
