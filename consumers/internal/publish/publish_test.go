package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/publish"
	"boxoffice/consumers/internal/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
)

// bus takes events except at the calls and entries that are to fail.
type bus struct {
	calls  int
	taken  []string
	refuse func(call, entry int) bool
	broken func(call int) bool
	short  bool
}

func (b *bus) Put(_ context.Context, events []event.Event) ([]error, error) {
	b.calls++
	size := 0
	for _, e := range events {
		size += len(e.Detail)
	}
	if len(events) > publish.MaxPut || size > 1<<20 {
		return nil, fmt.Errorf("%d events of %d bytes in one call", len(events), size)
	}
	if b.broken != nil && b.broken(b.calls) {
		return nil, errors.New("broken connection")
	}
	failed := make([]error, len(events))
	for i, e := range events {
		if b.refuse != nil && b.refuse(b.calls, i) {
			failed[i] = errors.New("throttled")
			continue
		}
		o, err := event.Decode([]byte(e.Detail))
		if err != nil {
			return nil, err
		}
		b.taken = append(b.taken, fmt.Sprintf("%s.%d", o.OrderID, o.Version))
	}
	if b.short {
		failed = failed[:len(failed)-1]
	}
	return failed, nil
}

func records(n int) (all []streambatch.Record, names []string) {
	for i := range n {
		row := readmodel.Order{
			OrderID: contracts.OrderID(fmt.Sprint("o", i/2)), Status: contracts.Held, Version: 1 + i%2,
			History: []readmodel.HistoryEntry{{At: 1}},
		}
		all = append(all, streambatch.Record{SequenceNumber: fmt.Sprint(i), Row: row})
		names = append(names, fmt.Sprintf("o%d.%d", i/2, 1+i%2))
	}
	return all, names
}

func publisher(b *bus) publish.Publisher {
	return publish.Publisher{Bus: b, Log: slog.New(slog.DiscardHandler)}
}

func TestEveryVersionInOrderTenACall(t *testing.T) {
	b := &bus{}
	all, names := records(25)
	done, err := publisher(b).Handle(t.Context(), all)
	if done != 25 || err != nil || b.calls != 3 || !slices.Equal(b.taken, names) {
		t.Errorf("%d done in %d calls, %v: %v", done, b.calls, err, b.taken)
	}
}

// The bus counts bytes as well. Each of these rows is near the size of a whole item.
func TestNoCallIsTooLarge(t *testing.T) {
	for bad := range 13 { // one of them may have no event
		b := &bus{}
		all, names := records(12)
		for i := range all {
			all[i].Row.Seats = []string{strings.Repeat("x", 300_000)}
		}
		if bad < len(all) {
			all[bad].Row.Version, names = 0, slices.Delete(names, bad, bad+1)
		}
		if done, err := publisher(b).Handle(t.Context(), all); done != 12 || err != nil || !slices.Equal(b.taken, names) {
			t.Errorf("without %d: %d done in %d calls, %v: %v", bad, done, b.calls, err, b.taken)
		}
	}
}

func TestTheFirstRefusedOneComesAgainAtAnyPosition(t *testing.T) {
	for at := range 10 {
		b := &bus{refuse: func(call, entry int) bool { return call == 2 && entry == at }}
		all, _ := records(25)
		if done, err := publisher(b).Handle(t.Context(), all); done != 10+at || err == nil || b.calls != 2 {
			t.Errorf("refused at %d: %d done in %d calls, %v", at, done, b.calls, err)
		}
	}
}

func TestAnUnknownCallAndAShortAnswerComeAgain(t *testing.T) {
	all, _ := records(12)
	b := &bus{broken: func(call int) bool { return call == 2 }}
	if done, err := publisher(b).Handle(t.Context(), all); done != 10 || err == nil {
		t.Errorf("%d done, %v", done, err)
	}
	b = &bus{short: true}
	if done, err := publisher(b).Handle(t.Context(), all); done != 9 || err == nil {
		t.Errorf("%d done, %v", done, err)
	}
}

// A row that no handler writes must not stop the shard; what is around it is published.
func TestARowWithoutAnEventIsPassedOver(t *testing.T) {
	for at := range 12 {
		b := &bus{}
		all, names := records(12)
		all[at].Row.Status = contracts.Queued
		done, err := publisher(b).Handle(t.Context(), all)
		if done != 12 || err != nil || !slices.Equal(b.taken, slices.Delete(names, at, at+1)) {
			t.Errorf("at %d: %d done, %v: %v", at, done, err, b.taken)
		}
	}
}

// Whatever fails, giving out the rest again loses no version, and no version of an order comes first after a later one.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all, names := records(rapid.IntRange(1, 40).Draw(rt, "records"))
		b := &bus{
			broken: func(int) bool { return rapid.IntRange(0, 3).Draw(rt, "broken") == 0 },
			refuse: func(int, int) bool { return rapid.IntRange(0, 5).Draw(rt, "refused") == 0 },
		}
		for rest, tries := all, 0; len(rest) > 0; tries++ {
			if tries > 1000 {
				rt.Fatal("never done")
			}
			done, err := publisher(b).Handle(t.Context(), rest)
			if err == nil && done != len(rest) {
				rt.Fatalf("%d of %d done without an error", done, len(rest))
			}
			rest = rest[done:]
		}
		for _, name := range names {
			if !slices.Contains(b.taken, name) {
				rt.Fatalf("%s is lost", name)
			}
		}
	})
}
