package reconcile_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// ledger is the cursor, whose calls fail as they are told.
type ledger struct{ w *world }

func (l ledger) Cursor(ctx context.Context) (readmodel.LedgerCursor, error) {
	if err := l.w.call("cursor"); err != nil {
		return readmodel.LedgerCursor{}, err
	}
	return l.w.notes.Cursor(ctx)
}

func (l ledger) MoveCursor(ctx context.Context, to readmodel.LedgerCursor) error {
	if err := l.w.call("move"); err != nil {
		return err
	}
	return l.w.notes.MoveCursor(ctx, to)
}

const (
	hour = 60 * minute
	day  = 24 * hour
)

// asked are the fetches and looks of a run.
func (w *world) asked(t testing.TB) (fetches []message.FetchEvents, slices, looks []message.AuditLedger) {
	t.Helper()
	for _, sent := range w.sent {
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
				looks = append(looks, m)
			}
		}
	}
	w.sent = nil
	return fetches, slices, looks
}

// Each run asks once for what was lost in the last quarter of an hour, and says until when that is of use.
func TestEachRunAsksForLostEvents(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		fetches, _, _ := w.asked(t)
		if len(fetches) != 1 || fetches[0].Since != w.now-15*minute || fetches[0].Deadline != w.now+5*minute {
			t.Errorf("at minute %d: %+v", w.now/minute, fetches)
		}
		w.now += minute
	}
}

// At a run a minute each PaymentIntent is looked at once when its slice has come to rest, in every hour of its first day, and
// once a day for eight days.
func TestTheLedgerIsLookedAtAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	begin := 20_000*day + 3*minute
	w.now = begin
	var covered contracts.Instant
	var overDay, overWeek []contracts.Instant
	for ; w.now < begin+2*day; w.now += minute {
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		_, slices, looks := w.asked(t)
		for _, s := range slices {
			if covered != 0 && s.From != covered || s.To > w.now-30*minute || s.Deadline != 0 || s.From%(5*minute) != 0 {
				t.Fatalf("slice %+v after %d", s, covered)
			}
			covered = s.To
		}
		if covered <= w.now-30*minute-5*minute && w.now > begin+5*minute {
			t.Fatalf("at %d the slices end at %d", w.now, covered)
		}
		for _, l := range looks {
			if l.To != w.now-30*minute {
				t.Errorf("look %+v at %d", l, w.now)
			}
			switch l.To - l.From {
			case day:
				overDay = append(overDay, w.now)
				if l.Deadline != w.now+2*hour {
					t.Errorf("look at the last day %+v", l)
				}
			case 8 * day:
				overWeek = append(overWeek, w.now)
				if l.Deadline != w.now+2*day {
					t.Errorf("look at the last days %+v", l)
				}
			default:
				t.Errorf("look %+v", l)
			}
		}
	}
	if len(overDay) != 48 || len(overWeek) != 2 || overDay[1]-overDay[0] != hour || overWeek[1]-overWeek[0] != day {
		t.Errorf("%d looks at the last day, %d at the last days", len(overDay), len(overWeek))
	}
}

// However runs are late, left out, done twice or cut off by a failure, the slices follow one another without a hole and none
// is in the future; what was missed is caught up with so much a run.
func TestSlicesHaveNoHoles(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		w.now = 20_000 * day
		// covered are the ends of what was asked for, one after the other.
		var first, covered contracts.Instant
		var lastDay, lastWeek contracts.Instant
		noteLooks := func(looks []message.AuditLedger) {
			for _, l := range looks {
				if l.To-l.From == day {
					lastDay = w.now
				} else {
					lastWeek = w.now
				}
			}
		}
		for range rapid.IntRange(1, 25).Draw(r, "runs") {
			w.now += rapid.SampledFrom([]contracts.Instant{0, minute, minute, minute, 7 * minute, 50 * minute, 3 * hour, 2 * day}).Draw(r, "later")
			w.fail = map[string]bool{}
			if call := rapid.SampledFrom([]string{"", "", "", "cursor", "move", "send"}).Draw(r, "fails"); call != "" {
				w.fail[call] = true
			}
			if rapid.Bool().Draw(r, "restart") {
				w.restart()
			}
			_, err := w.run(t)
			// A cursor that has nowhere to go is not moved.
			if broken := w.fail["cursor"] || w.fail["send"]; broken && err == nil || err != nil && !broken && !w.fail["move"] {
				r.Fatalf("failing %v: %v", w.fail, err)
			}
			fetches, slices, looks := w.asked(t)
			if len(fetches) != 1 && !w.fail["send"] {
				r.Fatalf("%d fetches", len(fetches))
			}
			if len(slices) > 12 {
				r.Fatalf("%d slices in a run", len(slices))
			}
			for _, s := range slices {
				switch {
				case s.To > w.now-30*minute:
					r.Fatalf("slice %+v at %d", s, w.now)
				case first == 0:
					first, covered = s.From, s.From
				case s.From > covered:
					r.Fatalf("nothing looks at what was made from %d to %d", covered, s.From)
				}
				covered = max(covered, s.To)
			}
			noteLooks(looks)
		}
		// Then all goes well, and what was missed is caught up with.
		w.fail = map[string]bool{}
		for range 60 * 24 * 5 {
			if _, err := w.run(t); err != nil {
				r.Fatal(err)
			}
			_, slices, looks := w.asked(t)
			for _, s := range slices {
				if first != 0 && s.From > covered {
					r.Fatalf("nothing looks at what was made from %d to %d", covered, s.From)
				}
				covered = max(covered, s.To)
			}
			noteLooks(looks)
			if covered > w.now-35*minute {
				break
			}
			w.now += minute
		}
		if covered <= w.now-35*minute || w.now-lastDay > hour || w.now-lastWeek > day {
			r.Fatalf("at %d the slices end at %d, the looks were at %d and %d", w.now, covered, lastDay, lastWeek)
		}
	})
}
