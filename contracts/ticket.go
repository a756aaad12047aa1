package contracts

import (
	"crypto/sha256"
	"encoding/base32"
)

// TicketID names a ticket to its buyer. It is opaque, and it admits nobody: a gate goes by a signature.
type TicketID string

// ticketIDChars is how many characters of a ticket id follow the "t": 130 bits in the alphabet of order ids.
const ticketIDChars = 26

// TicketIDOf is the id of an order's ticket for a seat. It is a pure function of the two, so it needs no place in a store
// and no step that could make a second one; only who has the order's id, which nobody guesses, can work it out, and the
// order's id cannot be worked out from it. Whoever buys the seat after a refund has another.
func TicketIDOf(order OrderID, seat string) TicketID {
	sum := sha256.Sum256([]byte("ticket\x00" + string(order) + "\x00" + seat))
	return TicketID("t" + base32.NewEncoding(OrderIDAlphabet).EncodeToString(sum[:])[:ticketIDChars])
}

// TicketStatus is what a ticket is worth.
type TicketStatus string

// TicketValid is a ticket of a confirmed order.
const TicketValid TicketStatus = "VALID"
