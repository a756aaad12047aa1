package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// regrouped is a world whose concert has several layouts. Of a version that is not among them there is no layout.
type regrouped struct {
	*world
	layouts map[int][]readmodel.LayoutGroup
	// read are the versions that were asked for.
	read map[int]int
	logs bytes.Buffer
	// metrics are what was counted.
	metrics bytes.Buffer
}

func (r *regrouped) Layout(_ context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	if err := r.call(fmt.Sprint("layout ", version)); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read[version]++
	groups, found := r.layouts[version]
	if !found {
		return nil, &retry.PoisonError{Reason: retry.ReasonCatalogueMissing, Err: errors.New("there is no such layout")}
	}
	return groups, nil
}

// newRegrouped has the groups of each version, as "group: seats".
func newRegrouped(t *testing.T, versions ...[]string) *regrouped {
	t.Helper()
	r := &regrouped{world: newWorld(t), layouts: map[int][]readmodel.LayoutGroup{}, read: map[int]int{}}
	for i, groups := range versions {
		for _, g := range groups {
			name, seats, _ := strings.Cut(g, ": ")
			r.layouts[i+1] = append(r.layouts[i+1], readmodel.LayoutGroup{Group: name, Seats: strings.Fields(seats)})
		}
	}
	r.concerts = r.concerts[:1]
	r.concerts[0].LayoutVersion, r.concerts[0].LayoutFrozen = len(versions), len(versions)
	r.reconciler.Catalogue = r
	r.reconciler.Log = slog.New(slog.NewJSONHandler(&r.logs, nil))
	r.reconciler.Meter = telemetry.NewMeter(&r.metrics, "reconcile", time.Now)
	return r
}

// A seat of a concert has a ticket in one group alone, whatever groups its layouts have.
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
		// says are what the log has of it.
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
				r.rows.PutTicket(group(k.group), k.seat, k.order)
			}
			report, err := r.run(t)
			if err != nil || report.Outside != c.found || report.Left.Earlier != 0 {
				t.Fatalf("found %d with %d layouts left, %v; want %d", report.Outside, report.Left.Earlier, err, c.found)
			}
			logs := r.logs.String()
			for _, text := range c.says {
				if !strings.Contains(logs, text) {
					t.Errorf("the log does not say %q: %s", text, logs)
				}
			}
			if alarmed := strings.Contains(r.metrics.String(), telemetry.InvariantsBroken.Name); alarmed != (c.found > 0) {
				t.Errorf("alarmed %v: %s", alarmed, r.metrics.String())
			}
			if c.found == 0 && strings.Contains(logs, "not its seat's") {
				t.Errorf("the log says %s", logs)
			}
		})
	}
}

// Most concerts have one layout version: they are not looked at for it.
func TestAConcertWithOneLayoutIsAskedForNothingMore(t *testing.T) {
	r := newRegrouped(t, []string{"C: s1"})
	if _, err := r.run(t); err != nil {
		t.Fatal(err)
	}
	tickets := r.calls["tickets"]
	q := newRegrouped(t, []string{"old: s1"}, []string{"C: s1"})
	if _, err := q.run(t); err != nil {
		t.Fatal(err)
	}
	if got := q.calls["tickets"]; got != tickets+1 {
		t.Errorf("an earlier layout with one other group costs %d queries of tickets, without it there are %d", got, tickets)
	}
}

// However many layouts a concert has had, a run looks at eight, and a few runs at all. One that cannot be read stops no other.
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
			t.Errorf("a run looked at %d earlier layouts", looked)
		}
		r.now += minute
	}
	if len(seen) != 29 {
		t.Errorf("12 runs looked at %d of 29 earlier layouts", len(seen))
	}

	r = newRegrouped(t, []string{"old: s1"}, []string{"middle: s1"}, []string{"new: s1"})
	r.rows.PutTicket(group("middle"), "s1", "e1000000000000000000000000000001")
	r.fail["layout 1"] = true
	if report, err := r.run(t); err == nil || report.Outside != 1 {
		t.Errorf("with a layout that cannot be read %d tickets are found, %v", report.Outside, err)
	}
	r.fail["layout 1"], r.fail["tickets"] = false, true
	if report, err := r.run(t); err == nil || report.Outside != 0 {
		t.Errorf("with tickets that cannot be read %d are found, %v", report.Outside, err)
	}
}

// Layout versions need not begin at 1: a concert that is sold under a new id mostly begins with a copied one.
func TestAVersionThatWasNeverThereIsNoError(t *testing.T) {
	r := newRegrouped(t, nil, []string{"A: A-1-1 A-1-2"})
	if report, err := r.run(t); err != nil || r.read[1] != 1 {
		t.Errorf("%+v, %v, version 1 was asked for %d times", report, err, r.read[1])
	}
}
