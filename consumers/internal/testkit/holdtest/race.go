package holdtest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

var racePromises = []promise{
	{"of 100 orders at once for 10 seats exactly 10 hold one, no seat twice", func(f *fixture) {
		const workers, seats = 100, 10
		f.seats(seats)
		answers := atOnce(f, workers, func(i int) holds.Ask {
			return holds.Ask{Order: racer(i), Hash: "h", Places: []int{i % seats}}
		})
		owner := map[int]contracts.OrderID{}
		for i, a := range answers {
			switch {
			case a.Outcome == holds.Held && owner[a.Places[0]] == "":
				owner[a.Places[0]] = racer(i)
			case a.Outcome == holds.Held:
				f.Errorf("seat %d is held by %s and by %s", a.Places[0], owner[a.Places[0]], racer(i))
			case a.Outcome != holds.Taken:
				f.Errorf("%s was answered %s", racer(i), a.Outcome)
			}
		}
		if len(owner) != seats {
			f.Errorf("%d seats are held, want %d", len(owner), seats)
		}
		for p, order := range owner {
			f.wantHolder(order, p)
		}
	}},
	{"of orders for overlapping pairs at once none holds half a pair", func(f *fixture) {
		const workers, seats = 100, 12
		f.seats(seats)
		answers := atOnce(f, workers, func(i int) holds.Ask {
			return holds.Ask{Order: racer(i), Hash: "h", Places: []int{i % seats, (i + 1) % seats}}
		})
		held := 0
		for i, a := range answers {
			if a.Outcome == holds.Held {
				held++
				f.wantHolder(racer(i), a.Places...)
			}
		}
		if held < seats/3 || held > seats/2 || len(f.state().Entries) != 2*held {
			f.Errorf("%d pairs are held by %d entries", held, len(f.state().Entries))
		}
	}},
	{"sales at once with pairs that are held, kept and held again leave no half of a pair", func(f *fixture) {
		const workers, seats = 60, 12
		f.seats(seats)
		kept := make([]holds.Kept, workers)
		for i := range kept {
			first := 2 * i % seats // the first of a pair is sold now and then, the other never
			kept[i] = f.keptFor(string(racer(i)), 1, first, first+1)
		}
		gate(workers, func(i int) {
			for range 4 {
				a, err := Hold(f.Context(), f.b, f.g, kept[i].Ask)
				if err != nil || a.Outcome == holds.Held && len(a.Places) != 2 {
					f.Errorf("%s is answered %s%v, %v", racer(i), a.Outcome, a.Places, err)
				}
				if _, err := f.b.Keep(f.Context(), f.g, kept[i]); err != nil {
					f.Error(err)
				}
				sold := kept[i].Places[:1]
				buyer := contracts.OrderID(fmt.Sprintf("buyer%d", sold[0]))
				if _, err := f.b.Sell(f.Context(), f.g, buyer, sold, 2); err != nil {
					f.Error(err)
				}
				if _, err := f.b.Restore(f.Context(), f.g, buyer, sold, 2); err != nil {
					f.Error(err)
				}
			}
		})
		for id, r := range f.state().Records {
			if r.State == seatstate.RecordHeld && len(r.Places) != 2 {
				f.Errorf("record of %s is %q", id, r)
			}
		}
	}},
	{"one order asked for by many at once is one hold", func(f *fixture) {
		f.seats(4)
		answers := atOnce(f, 50, func(int) holds.Ask { return holds.Ask{Order: "a", Hash: "h", Places: []int{2, 1}} })
		for _, a := range answers {
			f.outcome(a, holds.Held, 2, 1)
		}
		if s := f.state(); s.Revision.Rev != 2 {
			f.Errorf("revision is %v, want one change", s.Revision)
		}
	}},
	{"of many loads at once one is made", func(f *fixture) {
		f.lock(1, true)
		errs := make([]error, 20)
		gate(len(errs), func(i int) { errs[i] = f.b.Load(f.Context(), f.g, holds.Load{Token: 1, Places: 4 + i}) })
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else {
				f.wantErr(err, holds.ErrLoadRefused)
			}
		}
		if made != 1 {
			f.Errorf("%d loads were made", made)
		}
	}},
	{"of many tokens at once one has the lock", func(f *fixture) {
		got := make([]bool, 50)
		gate(len(got), func(i int) {
			var err error
			if got[i], err = f.b.Lock(f.Context(), f.g.SeatGroup, int64(i+1), time.Hour); err != nil {
				f.Error(err)
			}
		})
		winner := slices.Index(got, true)
		if winner < 0 || slices.Contains(got[winner+1:], true) || f.state().Lock != int64(winner+1) {
			f.Errorf("locked: %v, the lock carries %d", got, f.state().Lock)
		}
	}},
}

func racer(i int) contracts.OrderID { return contracts.OrderID(fmt.Sprintf("racer%d", i)) }

// atOnce asks for n orders concurrently.
func atOnce(f *fixture, n int, ask func(i int) holds.Ask) []holds.Answer {
	f.Helper()
	answers := make([]holds.Answer, n)
	gate(n, func(i int) {
		var err error
		if answers[i], err = Hold(f.Context(), f.b, f.g, ask(i)); err != nil {
			f.Error(err)
		}
	})
	if f.Failed() {
		f.FailNow()
	}
	return answers
}

// gate starts n workers, releases them together and waits for all.
func gate(n int, work func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			work(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}
