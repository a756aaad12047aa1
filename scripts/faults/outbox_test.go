package faults

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// Every version of every row comes out at a rule of the bus at least once, and nothing else does, although publish is
// killed again and again under load and the bus goes away for a while. The seats go on meanwhile: mirror reads the same
// stream and does not wait for publish.
func TestOutbox(t *testing.T) {
	sideBySide(t, 50*time.Second)
	s := newStack(t, settings{links: []string{"events"}, busy: true})
	kills, cutFor := 5, 15*time.Second
	if long() {
		kills, cutFor = 20, 60*time.Second
	}
	events := s.SubscribeFor(t)
	halls, l := s.halls(), &ledger{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loaded := make(chan struct{})
	go func() { defer close(loaded); s.patrons(ctx, l, 4, halls) }()

	// The answers of the bus are slow, so that most kills hit publish between an event and the note that it is out.
	if err := s.links["events"].Slow(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	busy := 0
	for range kills {
		if s.killAtWork("publish") {
			busy++
		}
	}
	if err := s.links["events"].Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if publish, err := s.Function(t.Context(), "publish"); err != nil || publish.Crashes < kills {
		t.Errorf("publish ended %d times, want %d (%v)", publish.Crashes, kills, err)
	}

	given := make([]ticketless, len(halls))
	for i, h := range halls {
		given[i] = s.holdLast(l, h)
	}
	s.links["events"].Cut()
	cut := time.Now()
	var free, mirrored time.Duration
	for _, g := range given {
		f, m := s.seatsGoOn(g, time.Until(cut.Add(cutFor)))
		free, mirrored = max(free, f), max(mirrored, m)
	}
	lasts(t, cut.Add(cutFor/2))
	stop()
	<-loaded
	lasts(t, cut.Add(cutFor))
	if err := events.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, _ := events.Published()
	if err := s.links["events"].Mend(); err != nil {
		t.Fatal(err)
	}
	mended := time.Now()
	waited := 0
	caught := eventually(t, decideWithin, func() error {
		rows, err := s.Orders(t.Context())
		if err != nil {
			return err
		}
		if err := events.Poll(t.Context()); err != nil {
			return err
		}
		seen, _ := events.Published()
		if missing := versions(rows) - len(seen); missing > 0 {
			return fmt.Errorf("%d of %d versions are not out", missing, versions(rows))
		}
		waited = len(seen) - len(before)
		return nil
	})
	if waited == 0 {
		t.Error("no version waited for the bus, so it was not away")
	}
	s.atRest(l, events, s.HoldFor+decideWithin)

	rows, err := s.Orders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := told(rows, events, event.DetailType); err != nil {
		t.Error(err)
	}
	kinds := ends(rows)
	for _, h := range halls {
		for _, status := range []contracts.Status{contracts.Rejected, contracts.Expired, contracts.Cancelled} {
			if kinds[h.concert+" "+string(status)] == 0 {
				t.Errorf("no order of %s became %s: %v", h.concert, status, kinds)
			}
		}
	}
	seen, again := events.Published()
	report(t, "publish killed %d times under load (%d at work), then the bus away for %s: %d versions of %d orders came out, %d of them again; all were out %s after the bus was back (%d waited), "+
		"meanwhile a cancelled order's seats were free %s after the click and mirror had its row %s after it; at rest %s after the bus was back",
		kills, busy, cutFor, len(seen), len(rows), again, caught.Round(100*time.Millisecond), waited, free.Round(10*time.Millisecond), mirrored.Round(10*time.Millisecond), time.Since(mended).Round(time.Second))
}

// lasts lets the fault last until an instant.
func lasts(t *testing.T, until time.Time) {
	t.Helper()
	eventually(t, time.Until(until)+time.Second, func() error {
		if left := time.Until(until); left > 0 {
			return fmt.Errorf("%s are left", left)
		}
		return nil
	})
}

// killAtWork kills a process of a function, one that is at work if there is one within 3 s, and waits until another has
// taken its place.
func (s *stack) killAtWork(function string) (atWork bool) {
	s.t.Helper()
	var pid int
	until := time.Now().Add(3 * time.Second)
	eventually(s.t, decideWithin, func() error {
		f, err := s.Function(s.t.Context(), function)
		if err != nil {
			return err
		}
		for _, p := range f.Processes {
			if p.State == "busy" || p.State == "idle" && time.Now().After(until) {
				pid, atWork = p.PID, p.State == "busy"
				return syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return fmt.Errorf("no process of %s is there to be killed: %+v", function, f.Processes)
	})
	eventually(s.t, decideWithin, func() error {
		f, err := s.Function(s.t.Context(), function)
		if err != nil {
			return err
		}
		for _, p := range f.Processes {
			if p.PID == 0 || p.PID == pid || p.State == "starting" {
				return fmt.Errorf("%s is not back: %+v", function, f.Processes)
			}
		}
		return nil
	})
	return atWork
}

// ticketless is an order that is HELD, with its buyer.
type ticketless struct {
	hall
	buyer *apiclient.Client
	id    contracts.OrderID
	seats []string
}

// holdLast holds seats of the last group of a hall.
func (s *stack) holdLast(l *ledger, h hall) ticketless {
	s.t.Helper()
	seats := h.last().Seats[:2]
	buyer, id := s.acceptedAs(l, testbed.Named("patron"), h.concert, seats)
	s.row(id, decideWithin, in(contracts.Held))
	eventually(s.t, decideWithin, func() error { return s.shown(h, seats, seatstate.Held) })
	return ticketless{h, buyer, id, seats}
}

// seatsGoOn gives an order up, and answers how long it took until the map of seats showed its seats free, and until mirror
// had every version that was stored by then.
func (s *stack) seatsGoOn(g ticketless, within time.Duration) (free, mirrored time.Duration) {
	s.t.Helper()
	ctx, clicked := s.t.Context(), time.Now()
	s.giveUp(g.buyer, g.id)
	eventually(s.t, within, func() error { return s.shown(g.hall, g.seats, seatstate.Free) })
	free = time.Since(clicked)
	s.row(g.id, within, in(contracts.Cancelled))
	rows, err := s.Orders(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	stored := versions(rows)
	eventually(s.t, within, func() error {
		mirror, err := s.Source(ctx, "stream", "mirror")
		if err != nil {
			return err
		}
		if mirror.BatchFailures > 0 {
			// Its records are not its progress then.
			s.t.Fatalf("%d batches of mirror failed", mirror.BatchFailures)
		}
		if mirror.Records < stored {
			return fmt.Errorf("mirror was given %d of %d versions", mirror.Records, stored)
		}
		return nil
	})
	return free, time.Since(clicked)
}

// shown says whether the map of seats shows seats of a hall's last group in that state.
func (s *stack) shown(h hall, seats []string, state seatstate.State) error {
	anyone, err := s.Buyer("")
	if err != nil {
		return err
	}
	var now apiclient.Availability
	if err := anyone.Get(s.t.Context(), "/concerts/"+h.concert+"/availability", &now); err != nil {
		return err
	}
	last := len(h.groups) - 1
	for _, seat := range seats {
		if got := now.Groups[last].Seats.At(slices.Index(h.last().Seats, seat)); got != state {
			return fmt.Errorf("seat %s is shown as %d, want %d", seat, got, state)
		}
	}
	return nil
}
