package seatstate

import (
	"fmt"
	"strconv"
	"strings"
)

// SeatMap is 2 bits a place, the most significant first, as Redis BITFIELD u2 stores them; the last byte is padded
// with zeros. It is what the availability route answers.
type SeatMap []byte

// MapBytes is the length of the map of n places.
func MapBytes(n int) int { return (2*n + 7) / 8 }

// NewSeatMap has n free places.
func NewSeatMap(n int) SeatMap { return make(SeatMap, MapBytes(n)) }

// At is the state of a place. A place past the end is free, as Redis reads a string that is too short.
func (m SeatMap) At(place int) State {
	if place < 0 || place/4 >= len(m) {
		return Free
	}
	return State(m[place/4] >> (6 - 2*(place%4)) & 3)
}

// Set changes the state of a place within the map.
func (m SeatMap) Set(place int, s State) {
	shift := 6 - 2*(place%4)
	m[place/4] = m[place/4]&^(3<<shift) | byte(s&3)<<shift
}

// Padded is the map of exactly n places: Redis drops trailing zero bytes that were never written.
func (m SeatMap) Padded(n int) SeatMap {
	out := NewSeatMap(n)
	copy(out, m)
	return out
}

// Revision tells two states of a group apart. Epoch is the fencing token of the load that made it and changes on
// every load; Rev rises by one with every script call that changes a place. Within an epoch a higher Rev is newer;
// after a failover a Rev may come back, which is why the epoch is part of it. Coding: "EPOCH.REV".
type Revision struct {
	Epoch int64
	Rev   int64
}

// String is the coding.
func (r Revision) String() string { return fmt.Sprintf("%d.%d", r.Epoch, r.Rev) }

// ParseRevision is the inverse of String.
func ParseRevision(s string) (Revision, error) {
	epoch, rev, found := strings.Cut(s, ".")
	e, err1 := strconv.ParseInt(epoch, 10, 64)
	n, err2 := strconv.ParseInt(rev, 10, 64)
	if !found || err1 != nil || err2 != nil || e < 0 || n < 0 {
		return Revision{}, fmt.Errorf("revision %q is not EPOCH.REV", s)
	}
	return Revision{Epoch: e, Rev: n}, nil
}

// Snapshot is a group as Redis shows it at one instant.
type Snapshot struct {
	// Loaded is false when the group is not in Redis; then nothing is known of its seats.
	Loaded   bool
	Revision Revision
	// Map is as stored: trailing zero bytes may be missing.
	Map SeatMap
}
