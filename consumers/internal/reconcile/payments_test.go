package reconcile_test

import (
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

const (
	hour = 60 * minute
	day  = 24 * hour
)

// asked returns the fetches, and the ledger comparisons of new slices and of earlier days, that a run sent.
func (w *fixture) asked(t testing.TB) (fetches []message.FetchEvents, slices, again []message.AuditLedger) {
	t.Helper()
	for _, sent := range w.Sent() {
		m, err := message.Decode(sent.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case message.FetchEvents:
			fetches = append(fetches, m)
		case message.AuditLedger:
			if m.To-m.From == 5*minute {
				slices = append(slices, m)
			} else {
				again = append(again, m)
			}
		}
	}
	w.ForgetSent()
	return fetches, slices, again
}

// Each run asks once for events that were not delivered in the last quarter of an hour, with a deadline.
func TestEachRunAsksForLostEvents(t *testing.T) {
	w := newFixture(t)
	for range 3 {
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		fetches, _, _ := w.asked(t)
		if len(fetches) != 1 || fetches[0].Since != w.Instant()-15*minute || fetches[0].Deadline != w.Instant()+5*minute {
			t.Errorf("at minute %d: %v", w.Instant()/minute, fetches)
		}
		w.SetTime(w.Instant() + minute)
	}
}

// With a run each minute, each PaymentIntent is compared once when its slice is half an hour old, in every hour of its first day, and
// once a day for eight days.
func TestTheLedgerIsComparedAgainEachHourAndEachDay(t *testing.T) {
	w := newFixture(t)
	begin := 20_000*day + 3*minute
	w.SetTime(begin)
	var covered contracts.Instant
	var overDay, overWeek []contracts.Instant
	for ; w.Instant() < begin+2*day; w.SetTime(w.Instant() + minute) {
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		_, slices, again := w.asked(t)
		for _, s := range slices {
			if covered != 0 && s.From != covered || s.To > w.Instant()-30*minute || s.Deadline != 0 || s.From%(5*minute) != 0 {
				t.Fatalf("slice %v after %d", s, covered)
			}
			covered = s.To
		}
		if covered <= w.Instant()-30*minute-5*minute && w.Instant() > begin+5*minute {
			t.Fatalf("at %d the slices end at %d", w.Instant(), covered)
		}
		for _, l := range again {
			if l.To != w.Instant()-30*minute {
				t.Errorf("comparison %v at %d", l, w.Instant())
			}
			switch l.To - l.From {
			case day:
				overDay = append(overDay, w.Instant())
				if l.Deadline != w.Instant()+2*hour {
					t.Errorf("comparison of the last day %v", l)
				}
			case 8 * day:
				overWeek = append(overWeek, w.Instant())
				if l.Deadline != w.Instant()+2*day {
					t.Errorf("comparison of the last days %v", l)
				}
			default:
				t.Errorf("comparison %v", l)
			}
		}
	}
	if len(overDay) != 48 || len(overWeek) != 2 || overDay[1]-overDay[0] != hour || overWeek[1]-overWeek[0] != day {
		t.Errorf("%d comparisons of the last day, %d of the last days", len(overDay), len(overWeek))
	}
}

// Whichever runs are late, left out, repeated or cut off by a failure, the slices follow one another without a hole and none is in
// the future; each run catches up with a bounded part of what was missed.
func TestSlicesHaveNoHoles(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newFixture(t)
		w.SetTime(20_000 * day)
		// first is where the slices begin, covered how far they reach.
		var first, covered contracts.Instant
		var lastDay, lastWeek contracts.Instant
		noteAgain := func(again []message.AuditLedger) {
			for _, l := range again {
				if l.To-l.From == day {
					lastDay = w.Instant()
				} else {
					lastWeek = w.Instant()
				}
			}
		}
		for range rapid.IntRange(1, 25).Draw(r, "runs") {
			w.SetTime(w.Instant() + rapid.SampledFrom([]contracts.Instant{0, minute, minute, minute, 7 * minute, 50 * minute, 3 * hour, 2 * day}).Draw(r, "later"))
			w.Heal()
			call := rapid.SampledFrom([]world.Call{"", "", "", world.Cursor, world.MoveCursor, world.Send}).Draw(r, "fails")
			w.failing(call)
			if rapid.Bool().Draw(r, "restart") {
				w.restart()
			}
			_, err := w.run(t)
			// Without a new slice the cursor is not moved.
			if broken := call == world.Cursor || call == world.Send; broken && err == nil || err != nil && !broken && call != world.MoveCursor {
				r.Fatalf("failing %s: %v", call, err)
			}
			fetches, slices, again := w.asked(t)
			if len(fetches) != 1 && call != world.Send {
				r.Fatalf("%d fetches", len(fetches))
			}
			if len(slices) > 12 {
				r.Fatalf("%d slices in a run", len(slices))
			}
			for _, s := range slices {
				switch {
				case s.To > w.Instant()-30*minute:
					r.Fatalf("slice %v at %d", s, w.Instant())
				case first == 0:
					first, covered = s.From, s.From
				case s.From > covered:
					r.Fatalf("no slice has the time from %d to %d", covered, s.From)
				}
				covered = max(covered, s.To)
			}
			noteAgain(again)
		}
		// Then no call fails, and the runs catch up.
		w.Heal()
		for range 60 * 24 * 5 {
			if _, err := w.run(t); err != nil {
				r.Fatal(err)
			}
			_, slices, again := w.asked(t)
			for _, s := range slices {
				if first != 0 && s.From > covered {
					r.Fatalf("no slice has the time from %d to %d", covered, s.From)
				}
				covered = max(covered, s.To)
			}
			noteAgain(again)
			if covered > w.Instant()-35*minute {
				break
			}
			w.SetTime(w.Instant() + minute)
		}
		if covered <= w.Instant()-35*minute || w.Instant()-lastDay > hour || w.Instant()-lastWeek > day {
			r.Fatalf("at %d the slices end at %d, the comparisons of earlier days were at %d and %d", w.Instant(), covered, lastDay, lastWeek)
		}
	})
}
