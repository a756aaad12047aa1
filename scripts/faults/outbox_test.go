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

// Every version of every row is published to a rule of the bus at least once, and nothing else is, although publish is killed
// repeatedly under load and the bus is unreachable for a while. Seats are updated meanwhile: mirror reads the same stream and
// does not wait for publish.
func TestOutbox(t *testing.T) {
	runInParallel(t, 50*time.Second)
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

	// The bus responds slowly, so that most kills hit publish between an event and its record that the event is published.
	if err := s.links["events"].Slow(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	busy := 0
	for range kills {
		if s.killBusy("publish") {
			busy++
		}
	}
	if err := s.links["events"].Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if publish, err := s.Function(t.Context(), "publish"); err != nil || publish.Crashes < kills {
		t.Errorf("publish ended %d times, want %d (%v)", publish.Crashes, kills, err)
	}

	given := make([]heldOrder, len(halls))
	for i, h := range halls {
		given[i] = s.holdInLastGroup(l, h)
	}
	s.links["events"].Cut()
	cut := time.Now()
	var free, mirrored time.Duration
	for _, g := range given {
		f, m := s.cancelAndWaitFree(g, time.Until(cut.Add(cutFor)))
		free, mirrored = max(free, f), max(mirrored, m)
	}
	waitUntil(t, cut.Add(cutFor/2))
	stop()
	<-loaded
	waitUntil(t, cut.Add(cutFor))
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
		if missing := countVersions(rows) - len(seen); missing > 0 {
			return fmt.Errorf("%d of %d versions are not published", missing, countVersions(rows))
		}
		waited = len(seen) - len(before)
		return nil
	})
	if waited == 0 {
		t.Error("no version waited for the bus, so it was reachable")
	}
	s.waitAtRest(l, events, s.HoldFor+decideWithin)

	rows, err := s.Orders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := checkEvents(rows, events, event.DetailType); err != nil {
		t.Error(err)
	}
	kinds := countByStatus(rows)
	for _, h := range halls {
		for _, status := range []contracts.Status{contracts.Rejected, contracts.Expired, contracts.Cancelled} {
			if kinds[h.concert+" "+string(status)] == 0 {
				t.Errorf("no order of %s became %s: %v", h.concert, status, kinds)
			}
		}
	}
	seen, again := events.Published()
	report(t, "publish killed %d times under load (%d during an invocation), then the bus unreachable for %s: %d versions of %d orders were published, %d of them twice; all were published %s after the bus was reachable again (%d waited), "+
		"meanwhile a cancelled order's seats were free %s after the click and mirror had its row %s after it; at rest %s after the mend",
		kills, busy, cutFor, len(seen), len(rows), again, caught.Round(100*time.Millisecond), waited, free.Round(10*time.Millisecond), mirrored.Round(10*time.Millisecond), time.Since(mended).Round(time.Second))
}

// waitUntil keeps the fault until an instant.
func waitUntil(t *testing.T, until time.Time) {
	t.Helper()
	eventually(t, time.Until(until)+time.Second, func() error {
		if left := time.Until(until); left > 0 {
			return fmt.Errorf("%s are left", left)
		}
		return nil
	})
}

// killBusy kills a process of a function, a busy one if there is one within 3 s, and waits until another process has replaced it.
func (s *stack) killBusy(function string) (atWork bool) {
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
		return fmt.Errorf("%s has no process to kill: %+v", function, f.Processes)
	})
	eventually(s.t, decideWithin, func() error {
		f, err := s.Function(s.t.Context(), function)
		if err != nil {
			return err
		}
		for _, p := range f.Processes {
			if p.PID == 0 || p.PID == pid || p.State == "starting" {
				return fmt.Errorf("%s has no new process yet: %+v", function, f.Processes)
			}
		}
		return nil
	})
	return atWork
}

// heldOrder is an order that is HELD, with its buyer.
type heldOrder struct {
	hall
	buyer *apiclient.Client
	id    contracts.OrderID
	seats []string
}

// holdInLastGroup holds seats of the last group of a hall.
func (s *stack) holdInLastGroup(l *ledger, h hall) heldOrder {
	s.t.Helper()
	seats := h.last().Seats[:2]
	buyer, id := s.mustPlaceAs(l, testbed.Named("patron"), h.concert, seats)
	s.waitForRow(id, decideWithin, hasStatus(contracts.Held))
	eventually(s.t, decideWithin, func() error { return s.checkShown(h, seats, seatstate.Held) })
	return heldOrder{h, buyer, id, seats}
}

// cancelAndWaitFree cancels an order. It returns how long it took until the seat map showed the seats free, and until mirror had
// every version that was stored by then.
func (s *stack) cancelAndWaitFree(g heldOrder, within time.Duration) (free, mirrored time.Duration) {
	s.t.Helper()
	ctx, clicked := s.t.Context(), time.Now()
	s.giveUp(g.buyer, g.id)
	eventually(s.t, within, func() error { return s.checkShown(g.hall, g.seats, seatstate.Free) })
	free = time.Since(clicked)
	s.waitForRow(g.id, within, hasStatus(contracts.Cancelled))
	rows, err := s.Orders(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	stored := countVersions(rows)
	eventually(s.t, within, func() error {
		mirror, err := s.Source(ctx, "stream", "mirror")
		if err != nil {
			return err
		}
		if mirror.BatchFailures > 0 {
			// Repeated records would count as progress.
			s.t.Fatalf("%d batches of mirror failed", mirror.BatchFailures)
		}
		if mirror.Records < stored {
			return fmt.Errorf("mirror has received %d of %d versions", mirror.Records, stored)
		}
		return nil
	})
	return free, time.Since(clicked)
}

// checkShown returns an error unless the seat map shows seats of a hall's last group in that state.
func (s *stack) checkShown(h hall, seats []string, state seatstate.State) error {
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
