package seatstate

import (
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// RecordState is the state of an order in a seat group.
type RecordState string

// States of a record. A held order holds places of the group. An ended order holds none and never will again.
const (
	RecordHeld  RecordState = "held"
	RecordEnded RecordState = "ended"
	// RecordSold: the order owns its places of the group.
	RecordSold RecordState = "sold"
	// RecordForwarded: the order was forwarded to another group.
	RecordForwarded RecordState = "forwarded"
)

// Record is what Redis stores about an order in a group. It outlives the hold by RecordKept, so that a repeated or late
// message finds out what became of the order.
//
// Its coding is "STATE VERSION HASH HELD_AT D LAPSE PLACES": numbers in decimal, instants in Unix milliseconds, places joined
// by commas; an empty hash or list of places is "-". A forwarded order has To instead of places.
type Record struct {
	State RecordState
	// Version is the highest version of the order's row that was applied here; 0 if no version was.
	Version int
	// Hash is the request hash of the order that was held; "" if the order ended without a hold.
	Hash string
	// HeldAt is when the seats were held, HoldExpiresAt is the end of the hold (D), and Lapses is the later instant at which the
	// entries lapse in Redis. All are 0 if the order never held a place.
	HeldAt, HoldExpiresAt, Lapses contracts.Instant
	Places                        []int
	// To is where a forwarded order was sent, "group:hop"; "" for all others.
	To string
}

// String returns the coding.
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
