package seatstate

import (
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// State of a place, with the value that the map holds for it.
type State uint8

// The states of a place. Value 3 of the map is not used.
const (
	Free State = 0
	Held State = 1
	Sold State = 2
)

// Entry says who has a place. Coding: "held ORDER LAPSE" with the lapse in Unix milliseconds, or "sold ORDER".
type Entry struct {
	State State
	Order contracts.OrderID
	// Lapses is when a held place counts as free although nobody released it; 0 for a sold one.
	Lapses contracts.Instant
}

// String is the coding.
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

// TakenFrom says whether the entry keeps the place from an order at an instant. Its own hold does not, nor one that
// has lapsed.
func (e Entry) TakenFrom(order contracts.OrderID, now contracts.Instant) bool {
	if e.Order == order {
		return false
	}
	return e.State == Sold || e.Lapses > now
}
