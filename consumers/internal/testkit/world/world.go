package world

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memledger"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// HoldFor is the length of a hold.
const HoldFor = 5 * time.Minute

// Made is a call that was made, and what it was about.
type Made struct {
	Call  Call
	About []string
}

// World is the stores and the ports over them. See the package comment.
type World struct {
	// Rows, Holds, Ledger and Stripe are the stores without faults.
	Rows   *memorder.Store
	Holds  *memhold.Store
	Ledger *memledger.Store
	Stripe *mempay.Provider
	// Catalog is what the catalogue has. At first it is OneConcert.
	Catalog Catalog
	// Unread are the groups whose maps cannot be read while the others can: Maps returns a *holds.UnreadError beside them.
	Unread []contracts.SeatGroup
	// Metrics and Logs are what handlers wrote with Meter and Log.
	Metrics, Logs Text

	clock func() contracts.Instant

	mu         sync.Mutex
	now        contracts.Instant
	faults     []Fault
	crashed    bool
	late       []func()
	meanwhile  map[Call][]func()
	beforeEach func(c Call, about ...string)
	calls      []Made
	sent       []message.Encoded
	buried     []string
	letters    map[string]readmodel.DeadLetter
	lags       []contracts.Instant
}

// New makes a World whose clock stands at that instant. Nothing is in its stores, and no group is loaded.
func New(now contracts.Instant) *World {
	w := &World{
		Rows: memorder.New(), Ledger: memledger.New(), Catalog: OneConcert(), now: now,
		meanwhile: map[Call][]func(){}, letters: map[string]readmodel.DeadLetter{},
	}
	w.Holds = memhold.New(w.Instant, memhold.Options{HoldFor: HoldFor})
	w.Stripe = mempay.New(mempay.Options{Now: w.Instant, Deliver: func(stripeevent.Event) bool { return false }})
	return w
}

// Instant returns the time.
func (w *World) Instant() contracts.Instant {
	if w.clock != nil {
		return w.clock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Now returns the time, as handlers ask for it.
func (w *World) Now() time.Time { return w.Instant().Time() }

// SetTime sets the clock.
func (w *World) SetTime(at contracts.Instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = at
}

// Advance moves the clock on, or back if d is negative.
func (w *World) Advance(d time.Duration) { w.SetTime(w.Instant().Add(d)) }

// UseRealTime makes the clock that of package time, for a test in a bubble of testing/synctest.
func (w *World) UseRealTime() {
	w.clock = func() contracts.Instant { return contracts.InstantOf(time.Now()) }
}

// Calls returns the names of the calls that were made, in their order.
func (w *World) Calls() (names []Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.calls {
		names = append(names, m.Call)
	}
	return names
}

// Made returns the calls that were made, in their order, with what they were about.
func (w *World) Made() []Made {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// Count returns how often a call was made.
func (w *World) Count(c Call) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.calls {
		if m.Call == c {
			n++
		}
	}
	return n
}

// ForgetCalls empties the record of calls.
func (w *World) ForgetCalls() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = nil
}

// Sent returns the messages that were sent, in their order.
func (w *World) Sent() []message.Encoded {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// ForgetSent empties the record of messages.
func (w *World) ForgetSent() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = nil
}

// Lags returns the times of which DecisionLag was left, in their order.
func (w *World) Lags() []contracts.Instant {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lags)
}

// Letters returns the dead letters that are kept, by their keys.
func (w *World) Letters() map[string]readmodel.DeadLetter {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := map[string]readmodel.DeadLetter{}
	for key, letter := range w.letters {
		kept[key] = letter
	}
	return kept
}

// Meter returns a meter for a handler, which writes to Metrics.
func (w *World) Meter(function string) *telemetry.Meter {
	return telemetry.NewMeter(&w.Metrics, function, w.Now)
}

// Metered reports whether a metric was written with a value other than 0.
func (w *World) Metered(m telemetry.Metric) bool {
	return slices.ContainsFunc(strings.Split(w.Metrics.String(), "\n"), func(line string) bool {
		return strings.Contains(line, fmt.Sprintf("%q:", m.Name)) && !strings.Contains(line, fmt.Sprintf("%q:0,", m.Name))
	})
}

// Alarmed reports whether InvariantsBroken was written.
func (w *World) Alarmed() bool { return w.Metered(telemetry.InvariantsBroken) }

// Log returns a logger for a handler, which writes JSON lines to Logs.
func (w *World) Log() *slog.Logger { return slog.New(slog.NewJSONHandler(&w.Logs, nil)) }

// Text is a buffer for concurrent use. The zero Text is empty.
type Text struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (b *Text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written.
func (b *Text) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Reset empties the buffer.
func (b *Text) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}
