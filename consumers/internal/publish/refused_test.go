package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// letters stores letters by their keys.
type letters struct {
	broken bool
	kept   map[string]readmodel.DeadLetter
}

func (l *letters) Keep(_ context.Context, letter readmodel.DeadLetter) error {
	if l.broken {
		return errors.New("broken connection")
	}
	if l.kept == nil {
		l.kept = map[string]readmodel.DeadLetter{}
	}
	l.kept[letter.MessageKey] = letter
	return nil
}

// Texts in an event that the bus of these tests refuses: only the entry, or the whole call.
const (
	refusesEntry = "REFUSED-ENTRY"
	refusesCall  = "REFUSED-CALL"
)

// spoilers are the ways to make a row whose event cannot be published.
var spoilers = []string{"no_event", "event_too_large", refusesEntry, refusesCall}

func spoil(r *streambatch.Record, how string) {
	switch how {
	case "no_event":
		r.Row.History = nil
	case "event_too_large":
		r.Row.Seats = []string{strings.Repeat("x", 1<<20)}
	default:
		r.Row.Seats = []string{how}
	}
}

// An event that the bus refuses for good is stored with its detail and does not stop the other events, at any place of the batch.
func TestAFinallyRefusedEventBecomesADeadLetter(t *testing.T) {
	for _, how := range spoilers {
		for at := range 12 {
			b, l := &bus{}, &letters{}
			all, names := records(12)
			spoil(&all[at], how)
			all[at].Row.ConcertID, all[at].Row.Group = "nocturne", "A"
			all[at].Row.Payment = &readmodel.Payment{IntentID: "pi_1", ClientSecret: "pi_1_secret_canary"}
			p := publisher(b)
			p.Letters = l
			if done, err := p.Handle(t.Context(), all); done != 12 || err != nil || !slices.Equal(b.taken, slices.Delete(names, at, at+1)) {
				t.Errorf("%s at %d: %d done, %v: %v", how, at, done, err, b.taken)
			}
			row := all[at].Row
			kept, found := l.kept[readmodel.EventKey(row.OrderID, row.Version)]
			reason := how
			if how == refusesEntry || how == refusesCall {
				reason = "event_refused"
			}
			if !found || len(l.kept) != 1 || kept.Reason != reason || kept.OrderID != row.OrderID || kept.SeatGroup != "nocturne#A" ||
				kept.At != contracts.InstantOf(now()) {
				t.Fatalf("%s at %d: kept %+v", how, at, kept)
			}
			if strings.Contains(fmt.Sprint(kept), "canary") {
				t.Errorf("%s: the letter has the buyer's client secret", how)
			}
			want, err := event.Of(row)
			switch {
			case err != nil:
				if kept.Body != "" || kept.Kind != "" {
					t.Errorf("a row without an event has the event %q", kept.Body)
				}
			case how == "event_too_large":
				if !strings.HasPrefix(want.Detail, kept.Body) || kept.Body == "" || kept.Cut["body"] == "" {
					t.Errorf("the event is kept with %d bytes, cut %v", len(kept.Body), kept.Cut)
				}
			case kept.Body != want.Detail || kept.Kind != want.DetailType:
				t.Errorf("%s: kept %s %s, want %s %s", how, kept.Kind, kept.Body, want.DetailType, want.Detail)
			}
		}
	}
}

// Without its letter a version would be lost when the stream deletes the record. So the record and all later ones are redelivered.
func TestAnEventWithoutItsDeadLetterIsNotDone(t *testing.T) {
	for _, how := range spoilers {
		for _, at := range []int{0, 5, 11} {
			b, l := &bus{}, &letters{broken: true}
			all, names := records(12)
			spoil(&all[at], how)
			p := publisher(b)
			p.Letters = l
			done, err := p.Handle(t.Context(), all)
			if err == nil || done != at {
				t.Errorf("%s at %d: %d done, %v", how, at, done, err)
			}
			l.broken = false
			if again, err := p.Handle(t.Context(), all[done:]); err != nil || again != 12-done || len(l.kept) != 1 {
				t.Errorf("%s at %d: again %d done, %v, kept %d", how, at, again, err, len(l.kept))
			}
			for _, name := range slices.Delete(names, at, at+1) {
				if !slices.Contains(b.taken, name) {
					t.Errorf("%s at %d: %s was not published", how, at, name)
				}
			}
		}
	}
}

// If an earlier event must be tried again, nothing is stored yet for a finally refused event after it.
func TestAPassingRefusalBeforeAFinalOneStopsTheBatch(t *testing.T) {
	for _, how := range []string{"no_event", "event_too_large", refusesEntry} {
		for refused := range 5 {
			var metrics bytes.Buffer
			b, l := &bus{refuse: func(_, entry int) bool { return entry == refused }}, &letters{}
			all, _ := records(12)
			spoil(&all[5], how)
			p := publisher(b)
			p.Letters, p.Meter = l, telemetry.NewMeter(&metrics, "publish", now)
			if done, err := p.Handle(t.Context(), all); done != refused || err == nil || len(l.kept) > 0 ||
				strings.Contains(metrics.String(), "EventsRefused") || !strings.Contains(metrics.String(), fmt.Sprintf(`"EventsPublished":%d,`, refused)) {
				t.Errorf("%s, refused at %d: %d done, %v, kept %d, %s", how, refused, done, err, len(l.kept), metrics.String())
			}
		}
	}
}

// The size of an event is that of its source, type, detail and time. An event of exactly the limit of a call is put, an event of
// one byte more is not.
func TestTheSizeOfAnEventIsCountedAsTheBusDoes(t *testing.T) {
	for over, want := range map[int]int{0: 0, 1: 1} {
		b, l := &bus{}, &letters{}
		all, _ := records(1)
		bare, err := event.Of(all[0].Row)
		if err != nil {
			t.Fatal(err)
		}
		const quotes = 2 // of the one seat
		room := 1<<20 - len(event.Source) - len(bare.DetailType) - len(bare.Detail) - 14 - quotes
		all[0].Row.Seats = []string{strings.Repeat("x", room+over)}
		p := publisher(b)
		p.Letters = l
		if done, err := p.Handle(t.Context(), all); done != 1 || err != nil || len(l.kept) != want || b.calls != 1-want {
			t.Errorf("%d over: %d done in %d calls, %v, kept %d, want %d", over, done, b.calls, err, len(l.kept), want)
		}
	}
}
