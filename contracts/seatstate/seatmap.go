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

// Revision tells two states of a group apart. Epoch is the fencing token of the load that made it and rises with every
// load; Rev rises by one with every script call that changes a place. Within an epoch a higher Rev is newer; after a
// failover a Rev may come back, which is why the epoch is part of it. Coding: "EPOCH.REV.LAYOUTVERSION".
type Revision struct {
	Epoch int64
	Rev   int64
	// LayoutVersion is the layout version that the places of the group are of. It is 0, which no layout has, for the
	// coding "EPOCH.REV" of groups that were loaded before the version was part of it.
	LayoutVersion int
}

// String is the coding.
func (r Revision) String() string { return fmt.Sprintf("%d.%d.%d", r.Epoch, r.Rev, r.LayoutVersion) }

// ParseRevision is the inverse of String.
func ParseRevision(s string) (Revision, error) {
	parts := strings.Split(s, ".")
	if len(parts) == 2 {
		parts = append(parts, "0")
	}
	var numbers [3]int64
	ok := len(parts) == len(numbers)
	for i := 0; ok && i < len(numbers); i++ {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		numbers[i], ok = n, err == nil && n >= 0
	}
	if !ok {
		return Revision{}, fmt.Errorf("revision %q is not EPOCH.REV.LAYOUTVERSION", s)
	}
	return Revision{Epoch: numbers[0], Rev: numbers[1], LayoutVersion: int(numbers[2])}, nil
}

// Snapshot is a group as Redis shows it at one instant.
type Snapshot struct {
	// Loaded is false when the group is not in Redis in the layout version that was asked for; then nothing is known of its
	// seats.
	Loaded   bool
	Revision Revision
	// Map is as stored: trailing zero bytes may be missing.
	Map SeatMap
}

// SnapshotOf reads what the keys Rev and Map of a group have, "" for a key that is not there. The places of a group of
// another layout version are other seats: it is not loaded.
func SnapshotOf(g GroupVersion, revision, seatMap string) (Snapshot, error) {
	if revision == "" {
		return Snapshot{}, nil
	}
	r, err := ParseRevision(revision)
	if err != nil || r.LayoutVersion != g.LayoutVersion {
		return Snapshot{}, err
	}
	return Snapshot{Loaded: true, Revision: r, Map: SeatMap(seatMap)}, nil
}
