package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/publish"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// bus accepts events, except in the calls and at the entries that should fail.
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
	if slices.ContainsFunc(events, func(e event.Event) bool { return strings.Contains(e.Detail, refusesCall) }) {
		return nil, &retry.PoisonError{Reason: "event_refused", Err: errors.New("ValidationException")}
	}
	failed := make([]error, len(events))
	for i, e := range events {
		if b.refuse != nil && b.refuse(b.calls, i) {
			failed[i] = errors.New("throttled")
			continue
		}
		if strings.Contains(e.Detail, refusesEntry) {
			failed[i] = &retry.PoisonError{Reason: "event_refused", Err: errors.New("MalformedDetail")}
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
	return publish.Publisher{Bus: b, Letters: &letters{}, Log: slog.New(slog.DiscardHandler), Now: now}
}

func now() time.Time { return time.UnixMilli(1_800_000_000_000) }

func TestVersionsArePublishedInOrderTenPerCall(t *testing.T) {
	b := &bus{}
	all, names := records(25)
	done, err := publisher(b).Handle(t.Context(), all)
	if done != 25 || err != nil || b.calls != 3 || !slices.Equal(b.taken, names) {
		t.Errorf("%d done in %d calls, %v: %v", done, b.calls, err, b.taken)
	}
}

// The bus also limits the bytes of a call. Each of these rows is nearly as large as an item can be.
func TestNoCallIsTooLarge(t *testing.T) {
	for bad := range 13 { // up to one of the rows has no event
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

func TestPublishingStopsAtTheFirstRefusedEvent(t *testing.T) {
	for at := range 10 {
		b := &bus{refuse: func(call, entry int) bool { return call == 2 && entry == at }}
		all, _ := records(25)
		if done, err := publisher(b).Handle(t.Context(), all); done != 10+at || err == nil || b.calls != 2 {
			t.Errorf("refused at %d: %d done in %d calls, %v", at, done, b.calls, err)
		}
	}
}

func TestEventsWithoutAResultAreNotDone(t *testing.T) {
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

func TestPublishedEventsAreCounted(t *testing.T) {
	var metrics bytes.Buffer
	all, _ := records(3)
	all[1].Row.History = nil
	p := publisher(&bus{})
	p.Meter = telemetry.NewMeter(&metrics, "publish", now)
	if done, err := p.Handle(t.Context(), all); done != 3 || err != nil {
		t.Fatalf("%d done, %v", done, err)
	}
	published, refused := 0.0, 0.0
	for line := range strings.Lines(metrics.String()) {
		var m struct{ EventsPublished, EventsRefused float64 }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		published, refused = published+m.EventsPublished, refused+m.EventsRefused
	}
	if published != 2 || refused != 1 {
		t.Errorf("%v are counted as published and %v as refused: %s", published, refused, metrics.String())
	}
}

// Whatever fails, after redelivery no version is lost and none is invented. If only whole calls fail, the first copies of the
// versions are in order. If single entries fail, later entries of the same call can be published before them.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all, names := records(rapid.IntRange(1, 40).Draw(rt, "records"))
		entriesFail := rapid.Bool().Draw(rt, "entries fail")
		kept := &letters{}
		bad := map[string]bool{}
		for i, name := range names {
			if rapid.IntRange(0, 9).Draw(rt, "bad") == 0 {
				bad[name] = true
				spoil(&all[i], rapid.SampledFrom(spoilers).Draw(rt, "how"))
			}
		}
		b := &bus{
			broken: func(int) bool { return rapid.IntRange(0, 3).Draw(rt, "broken") == 0 },
			refuse: func(int, int) bool { return entriesFail && rapid.IntRange(0, 5).Draw(rt, "refused") == 0 },
		}
		for rest, tries := all, 0; len(rest) > 0; tries++ {
			if tries > 1000 {
				rt.Fatal("never done")
			}
			p := publisher(b)
			p.Letters = kept
			kept.broken = rapid.IntRange(0, 3).Draw(rt, "letters broken") == 0
			done, err := p.Handle(t.Context(), rest)
			if err == nil && done != len(rest) {
				rt.Fatalf("%d of %d done without an error", done, len(rest))
			}
			rest = rest[done:]
		}
		names = slices.DeleteFunc(names, func(name string) bool { return bad[name] })
		if len(kept.kept) != len(bad) {
			rt.Fatalf("kept %d events, want %d", len(kept.kept), len(bad))
		}
		var first []string
		for _, name := range b.taken {
			if !slices.Contains(first, name) {
				first = append(first, name)
			}
		}
		if !entriesFail && !slices.Equal(first, names) {
			rt.Fatalf("taken in the order %v, want %v", first, names)
		}
		slices.Sort(first)
		slices.Sort(names)
		if !slices.Equal(first, names) {
			rt.Fatalf("taken %v, want each of %v", first, names)
		}
	})
}
