package seatstate

import (
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// State is the state of a place. Its number is the value in the seat map.
type State uint8

// States of a place. The value 3 is not used.
const (
	Free State = 0
	Held State = 1
	Sold State = 2
)

// Entry says which order holds or owns a place. Its coding is "held ORDER LAPSE", with the lapse in Unix milliseconds, or
// "sold ORDER".
type Entry struct {
	State State
	Order contracts.OrderID
	// Lapses is the instant from which a held place counts as free even if it was not released; 0 for a sold place.
	Lapses contracts.Instant
}

// String returns the coding.
func (e Entry) String() string {
	if e.State == Sold {
		return "sold " + string(e.Order)
	}
	return "held " + string(e.Order) + " " + strconv.FormatInt(int64(e.Lapses), 10)
}

// ParseEntry is the inverse of String.
func ParseEntry(s string) (Entry, error) {
	parts := strings.Split(s, " ")
	switch {
	case len(parts) == 2 && parts[0] == "sold" && parts[1] != "":
		return Entry{State: Sold, Order: contracts.OrderID(parts[1])}, nil
	case len(parts) == 3 && parts[0] == "held" && parts[1] != "":
		lapses, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil || lapses <= 0 {
			return Entry{}, fmt.Errorf("seat entry %q: lapse is no instant", s)
		}
		return Entry{State: Held, Order: contracts.OrderID(parts[1]), Lapses: contracts.Instant(lapses)}, nil
	default:
		return Entry{}, fmt.Errorf("seat entry %q is neither held nor sold", s)
	}
}

// TakenFrom reports whether the entry prevents an order from holding the place at now. The order's own entry does not, nor
// does a hold that has lapsed.
func (e Entry) TakenFrom(order contracts.OrderID, now contracts.Instant) bool {
	if e.Order == order {
		return false
	}
	return e.State == Sold || e.Lapses > now
}
