package redisread_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
)

// A place of another layout version is another seat: it is not taken, its map is not shown, and its record of an order does not
// count. The lag is the queue's, whatever the version.
func TestGroupInOtherLayoutVersionIsNotLoaded(t *testing.T) {
	const order = contracts.OrderID("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4")
	held := seatstate.Record{State: seatstate.RecordHeld, Version: 1, Hash: "h", HeldAt: 1, HoldExpiresAt: 2, Lapses: 3, Places: []int{0}}
	lag := 1500 * time.Millisecond
	for _, c := range []struct {
		name, revision string
		loaded         bool
	}{
		{"of this version", "3.7.2", true},
		{"of an older version", "3.7.1", false},
		{"of a newer version", "3.7.3", false},
		{"loaded before revisions had a version", "3.7", false},
	} {
		n := &node{values: map[string]string{
			"{c#A}:rev": c.revision, "{c#A}:map": "\x80", "{c#A}:lag": "1500",
			"{c#A}:orders " + string(order): held.String(),
			"{c#A}:seats 0":                 "sold " + string(order), "{c#A}:seats 5": "sold e1another",
		}}
		g := inLayout(2, "A")[0]
		wantGroup, wantSeats := admission.GroupState{Lag: lag, LagKnown: true}, admission.SeatsState{Lag: lag, LagKnown: true}
		if c.loaded {
			wantGroup.Snapshot = seatstate.Snapshot{Loaded: true, Revision: seatstate.Revision{Epoch: 3, Rev: 7, LayoutVersion: 2}, Map: seatstate.SeatMap{0x80}}
			wantGroup.Order, wantSeats.Taken = seatstate.RecordHeld, []int{0}
			wantSeats.Shown = wantGroup.Snapshot
		}
		groups, err := n.reader().Groups(t.Context(), []seatstate.GroupVersion{g}, order)
		if err != nil || len(groups) != 1 || !reflect.DeepEqual(groups[0], wantGroup) {
			t.Errorf("%s: groups %+v, %v; want %+v", c.name, groups, err, wantGroup)
		}
		maps, err := n.reader().Maps(t.Context(), []seatstate.GroupVersion{g})
		if err != nil || len(maps) != 1 || !reflect.DeepEqual(maps[0], wantGroup.Snapshot) {
			t.Errorf("%s: maps %+v, %v; want %+v", c.name, maps, err, wantGroup.Snapshot)
		}
		n.trips = nil
		seats, err := n.reader().Look(t.Context(), g, order, []int{5}, 4)
		if err != nil || !reflect.DeepEqual(seats, wantSeats) {
			t.Errorf("%s: seats %+v, %v; want %+v", c.name, seats, err, wantSeats)
		}
		if own, err := n.reader().Look(t.Context(), g, order, []int{0}, 4); err != nil || own.Own != c.loaded || len(own.Taken) > 0 {
			t.Errorf("%s: its own seat: %+v, %v", c.name, own, err)
		}
		n.trips = n.trips[:1]
		if trip := []string{"mget {c#A}:rev {c#A}:map {c#A}:lag", "hmget {c#A}:seats 5"}; len(n.trips) != 1 || !slices.Equal(n.trips[0], trip) {
			t.Errorf("%s: asked %q, want %q", c.name, n.trips, trip)
		}
	}
}

func TestPartialLookIsAnError(t *testing.T) {
	g := inLayout(2, "A")[0]
	good := map[string]string{"{c#A}:rev": "3.7.2"}
	for name, n := range map[string]*node{
		"the revision is refused":     {values: good, fails: "mget {c#A}:rev {c#A}:map {c#A}:lag"},
		"the seats are refused":       {values: good, fails: "hmget {c#A}:seats 5"},
		"the revision does not parse": {values: map[string]string{"{c#A}:rev": "3"}},
		"an entry does not parse":     {values: map[string]string{"{c#A}:rev": "3.7.2", "{c#A}:seats 5": "reserved"}},
	} {
		if seats, err := n.reader().Look(t.Context(), g, "e1o", []int{5}, 4); err == nil || len(seats.Taken) > 0 {
			t.Errorf("%s: %+v, %v", name, seats, err)
		}
	}
}
