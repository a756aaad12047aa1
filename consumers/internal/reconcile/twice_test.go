package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// regrouped is a fixture whose concert has several layouts. A version that is not among them has no layout.
type regrouped struct {
	*fixture
	mu      sync.Mutex
	layouts map[int][]readmodel.LayoutGroup
	// read is how often each version was read.
	read map[int]int
}

// layoutsOf is the port of the catalogue with the layouts of a regrouped concert. A read is about its version too.
type layoutsOf struct {
	world.Catalogue
	r *regrouped
}

func (p layoutsOf) Layout(_ context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	r := p.r
	return world.Do(r.World, world.Layout, []string{concertID, fmt.Sprint("version ", version)}, func() ([]readmodel.LayoutGroup, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.read[version]++
		groups, found := r.layouts[version]
		if !found {
			return nil, &retry.PoisonError{Reason: retry.ReasonCatalogueMissing, Err: errors.New("there is no such layout")}
		}
		return groups, nil
	})
}

// newRegrouped makes a concert with these groups in each version, as "group: seats".
func newRegrouped(t *testing.T, versions ...[]string) *regrouped {
	t.Helper()
	r := &regrouped{fixture: newFixture(t), layouts: map[int][]readmodel.LayoutGroup{}, read: map[int]int{}}
	for i, groups := range versions {
		for _, g := range groups {
			name, seats, _ := strings.Cut(g, ": ")
			r.layouts[i+1] = append(r.layouts[i+1], readmodel.LayoutGroup{Group: name, Seats: strings.Fields(seats)})
		}
	}
	r.Catalog.Concerts = r.Catalog.Concerts[:1]
	r.Catalog.Concerts[0].LayoutVersion, r.Catalog.Concerts[0].LayoutFrozen = len(versions), len(versions)
	r.reconciler.Catalogue = layoutsOf{r.Catalogue(), r}
	r.reconciler.Meter = r.Meter("reconcile")
	return r
}

// A seat of a concert has a ticket in one group alone, whichever groups its layouts have.
func TestASeatWithTwoTicketsIsFoundInWhateverGroups(t *testing.T) {
	const one, other = contracts.OrderID("e1000000000000000000000000000001"), contracts.OrderID("e1000000000000000000000000000002")
	type ticket struct {
		group, seat string
		order       contracts.OrderID
	}
	for name, c := range map[string]struct {
		versions [][]string
		tickets  []ticket
		found    int
		// says is what the log has about it.
		says []string
	}{
		"a group that is no more": {
			versions: [][]string{{"old: s1 s2"}, {"new: s1 s2"}}, tickets: []ticket{{"old", "s1", one}, {"new", "s1", other}},
			found: 1, says: []string{"seat_sold_twice", "nocturne#old", "seat s1", string(one), string(other), "in new"},
		},
		"a seat that moved between two groups": {
			versions: [][]string{{"C: s1 s2", "D: s3"}, {"C: s1", "D: s3 s2"}}, tickets: []ticket{{"C", "s2", one}, {"D", "s2", other}},
			found: 1, says: []string{"seat_sold_twice", "nocturne#C", "seat s2", "in D"},
		},
		"two versions before": {
			versions: [][]string{{"old: s1"}, {"middle: s1"}, {"new: s1"}}, tickets: []ticket{{"old", "s1", one}, {"new", "s1", other}},
			found: 1, says: []string{"seat_sold_twice"},
		},
		"neither group is the one of today": {
			versions: [][]string{{"old: s1"}, {"middle: s1"}, {"new: s1"}}, tickets: []ticket{{"old", "s1", one}, {"middle", "s1", other}},
			found: 2, says: []string{"nocturne#old", "nocturne#middle"},
		},
		"one ticket, and the seat is on sale elsewhere": {
			versions: [][]string{{"old: s1"}, {"new: s1"}}, tickets: []ticket{{"old", "s1", one}},
			found: 1, says: []string{"ticket_outside_layout", "new"},
		},
		"a seat that is no more": {
			versions: [][]string{{"C: s1 s2"}, {"C: s1"}}, tickets: []ticket{{"C", "s2", one}},
			found: 1, says: []string{"ticket_outside_layout"},
		},
		"one order for both": {
			versions: [][]string{{"old: s1"}, {"new: s1"}}, tickets: []ticket{{"old", "s1", one}, {"new", "s1", one}},
			found: 1, says: []string{"seat_sold_twice"},
		},
		"tickets where the seats are":     {versions: [][]string{{"old: s1"}, {"new: s1"}}, tickets: []ticket{{"new", "s1", one}}},
		"a seat that stayed":              {versions: [][]string{{"C: s1 s2"}, {"C: s2 s1 s3"}}, tickets: []ticket{{"C", "s1", one}, {"C", "s3", other}}},
		"a group that is called the same": {versions: [][]string{{"C: s1", "D: s2"}, {"C: s1", "E: s2"}}, tickets: []ticket{{"C", "s1", one}, {"E", "s2", other}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegrouped(t, c.versions...)
			for _, k := range c.tickets {
				r.Rows.PutTicket(group(k.group), k.seat, k.order)
			}
			report, err := r.run(t)
			if err != nil || report.Outside != c.found || report.Left.Earlier != 0 {
				t.Fatalf("found %d with %d layouts left, %v; want %d", report.Outside, report.Left.Earlier, err, c.found)
			}
			logs := r.Logs.String()
			for _, text := range c.says {
				if !strings.Contains(logs, text) {
					t.Errorf("the log does not say %q: %s", text, logs)
				}
			}
			r.WantAlarm(t, c.found > 0)
			if c.found == 0 && strings.Contains(logs, "not its seat's") {
				t.Errorf("the log says %s", logs)
			}
		})
	}
}

// Most concerts have one layout version: they cost no further query.
func TestAConcertWithOneLayoutCostsNoFurtherQuery(t *testing.T) {
	r := newRegrouped(t, []string{"C: s1"})
	if _, err := r.run(t); err != nil {
		t.Fatal(err)
	}
	tickets := r.Count(world.Tickets)
	q := newRegrouped(t, []string{"old: s1"}, []string{"C: s1"})
	if _, err := q.run(t); err != nil {
		t.Fatal(err)
	}
	if got := q.Count(world.Tickets); got != tickets+1 {
		t.Errorf("an earlier layout with one other group costs %d queries of tickets, without it there are %d", got, tickets)
	}
}

// However many layouts a concert has had, a run reads eight, and a few runs read all. One that cannot be read stops no other.
func TestEarlierLayoutsTakeTurns(t *testing.T) {
	var versions [][]string
	for v := 1; v <= 30; v++ {
		versions = append(versions, []string{fmt.Sprintf("g%d: s1", v)})
	}
	r := newRegrouped(t, versions...)
	seen := map[int]bool{}
	for range 12 {
		clear(r.read)
		report, err := r.run(t)
		if err != nil || report.Left.Earlier != 29-8 {
			t.Fatalf("left %d, %v", report.Left.Earlier, err)
		}
		looked := 0
		for v := range r.read {
			if v < 30 {
				looked++
				seen[v] = true
			}
		}
		if looked != 8 {
			t.Errorf("a run read %d earlier layouts", looked)
		}
		r.SetTime(r.Instant() + minute)
	}
	if len(seen) != 29 {
		t.Errorf("12 runs read %d of 29 earlier layouts", len(seen))
	}

	r = newRegrouped(t, []string{"old: s1"}, []string{"middle: s1"}, []string{"new: s1"})
	r.Rows.PutTicket(group("middle"), "s1", "e1000000000000000000000000000001")
	r.Inject(world.Fails(world.Layout).About("version 1").Always())
	if report, err := r.run(t); err == nil || report.Outside != 1 {
		t.Errorf("with a layout that cannot be read %d tickets are found, %v", report.Outside, err)
	}
	r.Heal()
	r.failing(world.Tickets)
	if report, err := r.run(t); err == nil || report.Outside != 0 {
		t.Errorf("with tickets that cannot be read %d are found, %v", report.Outside, err)
	}
}

// Layout versions need not begin at 1: a concert that is sold under a new id usually begins with a copied version.
func TestAVersionThatWasNeverThereIsNoError(t *testing.T) {
	r := newRegrouped(t, nil, []string{"A: A-1-1 A-1-2"})
	if report, err := r.run(t); err != nil || r.read[1] != 1 {
		t.Errorf("%+v, %v, version 1 was read %d times", report, err, r.read[1])
	}
}
