package seatstate

import (
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// RecordState is what an order is in its group.
type RecordState string

// An order holds places here, or it is over here for good.
const (
	RecordHeld  RecordState = "held"
	RecordEnded RecordState = "ended"
	// RecordSold: the order owns its places here.
	RecordSold RecordState = "sold"
	// RecordForwarded: the order was sent on to another group.
	RecordForwarded RecordState = "forwarded"
)

// Record is what Redis remembers of an order in a group. It outlives the hold by RecordKept, so that a repeated or
// late message meets what became of the order.
//
// Coding: "STATE VERSION HASH HELD_AT D LAPSE PLACES": numbers in decimal, instants in Unix milliseconds, places
// joined by commas; an empty hash or list of places is "-". A forwarded order has To in place of places.
type Record struct {
	State RecordState
	// Version is the highest version of the order's row that was applied here; 0 while no row is known.
	Version int
	// Hash is the request hash of the body that was held; "" when the record was made by an end alone.
	Hash string
	// HeldAt is when the hold was made, HoldExpiresAt its end D, Lapses the backstop after it; 0 if it never was.
	HeldAt, HoldExpiresAt, Lapses contracts.Instant
	Places                        []int
	// To is where a forwarded order was sent, "group:hop"; "" for any other.
	To string
}

// String is the coding.
func (r Record) String() string {
	places := make([]string, len(r.Places))
	for i, p := range r.Places {
		places[i] = strconv.Itoa(p)
	}
	last := orDash(strings.Join(places, ","))
	if r.State == RecordForwarded {
		last = orDash(r.To)
	}
	return fmt.Sprintf("%s %d %s %d %d %d %s", r.State, r.Version, orDash(r.Hash),
		int64(r.HeldAt), int64(r.HoldExpiresAt), int64(r.Lapses), last)
}

// ParseRecord is the inverse of String.
func ParseRecord(s string) (Record, error) {
	parts := strings.Split(s, " ")
	if len(parts) != 7 {
		return Record{}, fmt.Errorf("order record %q has %d parts, want 7", s, len(parts))
	}
	r := Record{State: RecordState(parts[0])}
	if r.State != RecordHeld && r.State != RecordEnded && r.State != RecordSold && r.State != RecordForwarded {
		return Record{}, fmt.Errorf("order record %q: unknown state", s)
	}
	numbers := [4]int64{}
	for i, at := range []int{1, 3, 4, 5} {
		n, err := strconv.ParseInt(parts[at], 10, 64)
		if err != nil || n < 0 {
			return Record{}, fmt.Errorf("order record %q: part %d is no number", s, at+1)
		}
		numbers[i] = n
	}
	r.Version = int(numbers[0])
	r.HeldAt, r.HoldExpiresAt, r.Lapses = contracts.Instant(numbers[1]), contracts.Instant(numbers[2]), contracts.Instant(numbers[3])
	if parts[2] != "-" {
		r.Hash = parts[2]
	}
	if r.State == RecordForwarded {
		r.To = parts[6]
		return r, nil
	}
	if parts[6] == "-" {
		return r, nil
	}
	for place := range strings.SplitSeq(parts[6], ",") {
		p, err := strconv.Atoi(place)
		if err != nil || p < 0 {
			return Record{}, fmt.Errorf("order record %q: place %q is no number", s, place)
		}
		r.Places = append(r.Places, p)
	}
	return r, nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
