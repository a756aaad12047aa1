package reserve_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// In any hall, whichever of its groups is in Redis and wherever the order begins: an order for accessible places gets exactly as
// many; another order gets one only after the release and when no ordinary seats were left anywhere; and no order is refused
// while there are seats that it may have, except those of groups that had sent it on.
func TestWhichOrdersGetAccessiblePlaces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHall(t)
		at := rapid.SampledFrom([]contracts.Instant{0, h.Instant() + 1, h.Instant(), 1}).Draw(rt, "release")
		h.release(at)
		released := at > 0 && at <= h.Instant()
		names := []string{"A", "B", "C", "D"}[:rapid.IntRange(1, 4).Draw(rt, "groups")]
		for _, name := range names {
			kind := rapid.SampledFrom([]string{readmodel.KindSeats, readmodel.KindSeats, readmodel.KindArea}).Draw(rt, "kind")
			rows := rapid.SliceOfN(rapid.StringMatching(`[.xwW]{1,5}|[.w]{2,5}|[xwW]{2,5}`), 1, 2).Draw(rt, "rows")
			if kind == readmodel.KindArea {
				rows = rows[:1]
			}
			h.add(t, name, kind, rapid.SampledFrom([]string{"S", "S", "T"}).Draw(rt, "section"), rows...)
			if rapid.IntRange(0, 2).Draw(rt, "wiped") == 0 {
				h.Holds.Wipe(groupOf(name))
			}
		}
		quantity := rapid.IntRange(1, 3).Draw(rt, "quantity")
		accessible := rapid.SampledFrom([]int{0, 0, 1, quantity}).Draw(rt, "accessible")
		section := rapid.SampledFrom([]string{"", "S"}).Draw(rt, "of")
		start := rapid.SampledFrom(names).Draw(rt, "start")
		row, through := h.decide(t, h.asks(start, section, quantity, accessible))

		reachable := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			g := h.group(name)
			return section != "" && g.Section != section && name != start
		})
		suits := func(name string) bool { return h.runs(name, quantity)[accessible] > 0 }
		switch row.Status {
		case contracts.Held:
			got := h.accessibleOf(rt, row, quantity)
			if got == accessible {
				break
			}
			if accessible > 0 || !released {
				rt.Fatalf("got %d accessible places for %d, released %t", got, accessible, released)
			}
			if at := slices.IndexFunc(reachable, suits); at >= 0 {
				rt.Fatalf("got %d accessible places in %s, and %s has ordinary seats", got, row.Group, reachable[at])
			}
			for k := range got {
				if h.runs(row.Group, quantity)[k] > 0 {
					rt.Fatalf("got %d accessible places, and %d would have done", got, k)
				}
			}
		case contracts.Rejected:
			if row.Reason.Code != contracts.ReasonNoAdjacent {
				rt.Fatalf("rejected for %s", row.Reason.Code)
			}
			for _, name := range reachable {
				lastResort := released && accessible == 0 && len(h.runs(name, quantity)) > 0 && !slices.Contains(through, name)
				if suits(name) || lastResort {
					rt.Fatalf("refused after %v, and %s has %q", through, name, h.drawings[name])
				}
			}
		default:
			rt.Fatalf("order is %s", row.Status)
		}
	})
}

// The order is held at once in the group that the producer ranks first, if nothing changes in between.
func TestTheFirstChoiceHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHall(t)
		h.release(rapid.SampledFrom([]contracts.Instant{0, 1}).Draw(rt, "release"))
		var groups []seatstate.GroupVersion
		for _, name := range []string{"A", "B", "C"} {
			kind := rapid.SampledFrom([]string{readmodel.KindSeats, readmodel.KindArea}).Draw(rt, "kind")
			h.add(t, name, kind, "S", rapid.StringMatching(`[.xwW]{1,6}|[xwW]{2,5}`).Draw(rt, "row"))
			groups = append(groups, v1(groupOf(name)))
		}
		maps, err := h.Holds.Maps(t.Context(), groups)
		if err != nil {
			t.Fatal(err)
		}
		p := h.asks("A", "", rapid.IntRange(1, 3).Draw(rt, "quantity"), rapid.IntRange(0, 1).Draw(rt, "accessible"))
		candidates := seating.WishOf(*p.BestAvailable, h.concert().AccessibleReleaseAt > 0).Candidates(h.groups, maps, nil).Best()
		if len(candidates) > 0 {
			p.Group = rapid.SampledFrom(candidates).Draw(rt, "first")
		}
		row, through := h.decide(t, p)
		if held := row.Status == contracts.Held; held != (len(candidates) > 0) || held && row.Group != p.Group || held && len(through) > 0 {
			rt.Fatalf("candidates %v: the order is %s in %s after %v", candidates, row.Status, row.Group, through)
		}
	})
}

func TestAnOrdinaryOrderLeavesAccessiblePlaces(t *testing.T) {
	for name, test := range map[string]struct {
		here, there string
		released    contracts.Instant
		accepted    contracts.Instant
		visited     []string
		group       string
		accessible  int
	}{
		"ordinary seats elsewhere":                    {here: "wwww", there: "....", group: "B"},
		"ordinary seats elsewhere, after the release": {here: "wwww", there: "....", released: 1, group: "B"},
		"none elsewhere":                              {here: "wwww", there: "xxxx"},
		"none elsewhere, after the release":           {here: "wwww", there: "xxxx", released: 1, group: "A", accessible: 2},
		"one is enough":                               {here: "www.", there: "xxxx", released: 1, group: "A", accessible: 1},
		"accessible ones here and there":              {here: "wwww", there: "wwww", released: 1, group: "A", accessible: 2},
		"accessible ones there alone":                 {here: "Wx.x", there: "wwww", released: 1, group: "B", accessible: 2},
		"accessible ones there, before the release":   {here: "Wx.x", there: "wwww"},
		"the hops are used up":                        {here: "wwww", there: "....", released: 1, visited: []string{"X", "Y", "Z"}, group: "A", accessible: 2},
		"the hops are used up before the release":     {here: "wwww", there: "....", visited: []string{"X", "Y", "Z"}},
		"the hops are used up, one is enough":         {here: "WWw.x", there: "....", released: 1, visited: []string{"X", "Y", "Z"}, group: "A", accessible: 1},
		"the hops are used up and nothing is left":    {here: "WwxW", there: "....", released: 1, visited: []string{"X", "Y", "Z"}},
		"a clock that is behind the producer's":       {here: "wwww", there: "xxxx", released: 2_000_001, accepted: 2_000_001, group: "A", accessible: 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			h.release(test.released)
			h.add(t, "A", readmodel.KindSeats, "S", test.here)
			h.add(t, "B", readmodel.KindSeats, "S", test.there)
			p := h.asks("A", "S", 2, 0, test.visited...)
			if test.accepted > 0 {
				p.AcceptedAt = test.accepted
			}
			row, _ := h.decide(t, p)
			if test.group == "" {
				if row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonNoAdjacent {
					t.Errorf("the order is %s with %v", row.Status, row.Seats)
				}
				return
			}
			if row.Status != contracts.Held || row.Group != test.group || h.accessibleOf(t, row, 2) != test.accessible {
				t.Errorf("the order is %s in %s with %v", row.Status, row.Group, row.Seats)
			}
		})
	}
}

// A seat that is asked for by its name is given, accessible or not.
func TestAnAccessibleSeatByName(t *testing.T) {
	h := newHall(t)
	h.add(t, "A", readmodel.KindSeats, "S", "ww..")
	p := h.placed("A-0-0", "A-0-2")
	world.WantDone(t, h.handle(t, p))
}

// The places that an order holds are why there are none left; its redelivery after a failure keeps them.
func TestTheOwnHoldOfAccessiblePlacesIsKept(t *testing.T) {
	for name, test := range map[string]struct {
		row        string
		accessible int
		released   contracts.Instant
		want       []string
	}{
		"as a last resort":     {row: "xww", released: 1, want: []string{"A-0-1", "A-0-2"}},
		"one with a companion": {row: "xw.", accessible: 1, want: []string{"A-0-1", "A-0-2"}},
		"both":                 {row: "xww", accessible: 2, want: []string{"A-0-1", "A-0-2"}},
	} {
		for _, fault := range []world.Fault{
			world.Fails(world.Put), world.LosesAnswer(world.Put), world.LosesAnswer(world.Hold), world.Fails(world.Send),
		} {
			h := newHall(t)
			h.release(test.released)
			h.add(t, "A", readmodel.KindSeats, "S", test.row)
			h.add(t, "B", readmodel.KindSeats, "S", "xxx")
			p := h.asks("A", "S", 2, test.accessible)
			h.Inject(fault)
			world.WantRetryable(t, h.handle(t, p))
			row, _ := h.decide(t, p)
			if row.Status != contracts.Held || !slices.Equal(row.Seats, test.want) || !slices.Equal(h.heldIn("A", p.OrderID), []int{1, 2}) {
				t.Errorf("%s, %s: the order is %s with %v", name, fault, row.Status, row.Seats)
			}
		}
	}
}
