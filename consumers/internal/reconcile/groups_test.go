package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// wantRebuilds wants a RebuildGroup to have been sent for just these groups.
func (w *fixture) wantRebuilds(t *testing.T, names ...string) {
	t.Helper()
	var got []string
	for _, m := range w.Sent() {
		if m.Attributes.Kind == message.KindRebuildGroup {
			got = append(got, strings.TrimPrefix(m.Group, "nocturne#"))
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("rebuilds of %v were sent, want %v", got, names)
	}
}

func TestGroupsThatAreNotLoadedAreRebuilt(t *testing.T) {
	w := newFixture(t)
	w.Holds.Wipe(group("B"))
	report, err := w.run(t)
	if err != nil || report.Rebuilt != 1 {
		t.Errorf("report %+v, %v; want one rebuild", report, err)
	}
	w.wantRebuilds(t, "B")
}

// Groups whose shard is down are left alone, and the others are handled as usual.
func TestGroupsThatCannotBeReadStopNoOther(t *testing.T) {
	w := newFixture(t)
	w.Holds.Wipe(group("A"))
	w.Holds.Wipe(group("B"))
	w.Unread = []contracts.SeatGroup{group("A")}
	report, err := w.run(t)
	if err == nil || report.Rebuilt != 1 || report.Left.Unknown != 1 {
		t.Errorf("report %+v, %v; want one rebuild and one group unknown", report, err)
	}
	w.wantRebuilds(t, "B")
}

func TestGroupsAreReadAroundTheirSale(t *testing.T) {
	for at, want := range map[contracts.Instant]int{
		90*minute - 1: 0, 90 * minute: 2, 150 * minute: 2, 260*minute - 1: 2, 260 * minute: 0,
	} {
		w := newFixture(t)
		w.SetTime(at)
		if report, err := w.run(t); err != nil || report.Groups != want {
			t.Errorf("at %d: %+v, %v, want %d groups", at, report, err, want)
		}
	}
}

func TestLapsedHoldsAreSwept(t *testing.T) {
	w := newFixture(t)
	for i := range 20 {
		ask := holds.Ask{Order: contracts.OrderID(fmt.Sprint("o", i)), Hash: "h", Places: []int{i}}
		if _, err := holdtest.Hold(t.Context(), w.Holds, v1(group("A")), ask); err != nil {
			t.Fatal(err)
		}
	}
	w.Advance(5*time.Minute + seatstate.LapseAfter)
	if report, err := w.run(t); err != nil || report.Swept != 3 {
		t.Errorf("report %+v, %v; want 3 calls for A and none for B, which has no hold", report, err)
	}
	w.WantTaken(t, group("A"))
}

// A concert that cannot be read, or whose layout cannot, does not keep the groups of others from being read.
func TestALayoutThatCannotBeReadStopsNoOther(t *testing.T) {
	w := newFixture(t)
	for i := range 20 {
		c := w.Catalog.Concerts[0]
		c.ConcertID = fmt.Sprint("other-", i)
		w.Catalog.Concerts = append(w.Catalog.Concerts, c)
	}
	for _, id := range []string{"other-3", "other-17"} {
		w.Inject(world.Fails(world.Layout).About(id).Always())
	}
	w.Catalog.Unreadable = true
	report, err := w.run(t)
	if err == nil || report.Groups != 2*19 || report.Left.Concerts != 0 {
		t.Errorf("%+v, %v; want the groups of 19 concerts", report, err)
	}
}

// However many groups are on sale, a run reads a bounded number of them, a bounded number in a call, and sends a bounded number of
// RebuildGroups; within a few runs each group is read, also if each run is a new process.
func TestEachGroupHasItsTurn(t *testing.T) {
	for _, c := range []struct{ concerts, groups, runs int }{
		{1, 1500, 1}, {1, 2000, 1}, {1, 3000, 3}, {2, 1500, 3}, {9, 240, 4}, {40, 240, 16}, {8_000, 1, 12}, {3, 4100, 21},
	} {
		m := newMany(t, c.concerts, c.groups)
		m.wiped = true
		for range c.runs {
			m.ForgetSent()
			before := maps.Clone(m.looked)
			report, err := m.run(t)
			for g, looks := range m.looked {
				if looks > before[g]+1 {
					t.Errorf("%v: %v is read twice in a run", c, g)
				}
			}
			want := min(2000, c.concerts*c.groups)
			if err != nil || report.Groups != want || report.Rebuilt > 200 || len(m.rebuilds()) != report.Rebuilt {
				t.Fatalf("%+v: %+v, %v; want %d groups", c, report, err, want)
			}
			if got := report.Left.Concerts > 0; got != (c.concerts*c.groups > 2000) {
				t.Errorf("%+v: %d concerts are reported as left", c, report.Left.Concerts)
			}
			m.restart()
			m.SetTime(m.Instant() + minute)
		}
		if len(m.looked) != c.concerts*c.groups || m.largest > 100 {
			t.Errorf("%v: in %d runs %d groups were read, %d in a call", c, c.runs, len(m.looked), m.largest)
		}
	}
}

// After a wipe of 30,000 groups runs do not only rebuild: loaded groups are compared, due steps are sent, and in time every group is
// loaded.
func TestAWipeLeavesTheOtherPartsTheirShare(t *testing.T) {
	m := newMany(t, 125, 240)
	m.wiped = true
	due := m.heldIn(t, contracts.SeatGroup{ConcertID: "c-000003", Group: "G-7"}, contracts.Held, m.Instant()-10*minute)
	runs, compared := 0, 0
	for ; len(m.loaded) < 125*240; runs++ {
		if runs > 450 {
			t.Fatalf("after %d runs %d of %d groups are loaded", runs, len(m.loaded), 125*240)
		}
		m.ForgetSent()
		m.ForgetCalls()
		m.restart()
		report, err := m.run(t)
		if err != nil || report.Rebuilt > 200 || len(m.steps(due.OrderID)) != 1 {
			t.Fatalf("run %d: %+v, %v, %d messages for the order that is due", runs, report, err, len(m.steps(due.OrderID)))
		}
		if runs > 100 && m.Count(world.State) > 0 {
			compared++
		}
		m.SetTime(m.Instant() + minute)
	}
	if compared < runs-101 {
		t.Errorf("of the last %d runs only %d compared groups", runs-101, compared)
	}
	t.Logf("30,000 groups were loaded in %d runs", runs)
}

// Groups whose sale begins first are loaded first; groups that cannot be loaded do not hold up the others.
func TestTheSoonestSaleIsLoadedFirst(t *testing.T) {
	m := newMany(t, 20, 100)
	m.wiped = true
	m.concert("tomorrow", 50, m.Instant()+24*60*minute)
	m.concert("z-first", 15, m.Instant()-9*minute)
	m.concert("y-first", 15, m.Instant()+minute)
	m.concert("a-third", 300, m.Instant()+9*minute)
	m.concert("m-second", 30, m.Instant()+5*minute)
	if _, err := m.run(t); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, g := range m.rebuilds() {
		count[g.ConcertID]++
	}
	// Half of the rebuilds are for groups whose sale begins soon.
	if count["z-first"] != 15 || count["y-first"] != 15 || count["m-second"] != 30 || count["a-third"] != 40 || count["tomorrow"] != 0 || len(m.rebuilds()) != 200 {
		t.Errorf("loaded are %v", count)
	}
	for range 60 {
		m.SetTime(m.Instant() + minute)
		m.broken["z-first"], m.broken["y-first"], m.broken["m-second"], m.broken["a-third"] = true, true, true, true
		if _, err := m.run(t); err != nil {
			t.Fatal(err)
		}
	}
	rest := 0
	for g := range m.loaded {
		if !m.broken[g.ConcertID] {
			rest++
		}
	}
	if rest != 2000 {
		t.Errorf("%d of the 2,000 groups that can be loaded are loaded", rest)
	}
}
