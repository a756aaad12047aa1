package seatstate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SeatMap has 2 bits for each place, the most significant first, as Redis BITFIELD u2 stores them. The last byte is padded
// with zeros. The availability route returns it.
type SeatMap []byte

// MapBytes returns the length of the map of n places in bytes.
func MapBytes(n int) int { return (2*n + 7) / 8 }

// NewSeatMap returns a map of n free places.
func NewSeatMap(n int) SeatMap { return make(SeatMap, MapBytes(n)) }

// At returns the state of a place. A place beyond the end of the map is free, as in Redis.
func (m SeatMap) At(place int) State {
	if place < 0 || place/4 >= len(m) {
		return Free
	}
	return State(m[place/4] >> (6 - 2*(place%4)) & 3)
}

// Set changes the state of a place. The place must be within the map.
func (m SeatMap) Set(place int, s State) {
	shift := 6 - 2*(place%4)
	m[place/4] = m[place/4]&^(3<<shift) | byte(s&3)<<shift
}

// Padded returns a copy of the map with exactly n places. The map in Redis lacks trailing zero bytes that were never written.
func (m SeatMap) Padded(n int) SeatMap {
	out := NewSeatMap(n)
	copy(out, m)
	return out
}

// Revision identifies a state of a group. Epoch is the fencing token of the group's load and rises with every load. Rev rises
// by one with every script call that changes a place. Within an epoch a higher Rev is newer. After a failover of Redis an
// old Rev can appear again, which is why the epoch is part of the revision. The coding is "EPOCH.REV.LAYOUTVERSION".
type Revision struct {
	Epoch int64
	Rev   int64
	// LayoutVersion is the layout version of the group's places. It is 0, which no layout has, for the coding "EPOCH.REV" of
	// groups that were loaded before the version was part of the coding.
	LayoutVersion int
}

// String returns the coding.
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

// Snapshot is the state of a group in Redis at one instant.
type Snapshot struct {
	// Loaded is false if the group is not in Redis in the requested layout version; then nothing is known about its seats.
	Loaded   bool
	Revision Revision
	// Map is the stored map. Trailing zero bytes may be missing.
	Map SeatMap
	// Lag is how late the last decision of the group was, nil if it is not known. The availability route does not read it.
	Lag *time.Duration
}

// SnapshotOf decodes the values of the keys Rev and Map of a group; "" is a missing key. A group in another layout version is
// not Loaded, since its places are other seats.
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
