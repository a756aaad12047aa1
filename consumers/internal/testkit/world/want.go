package world

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// T is a *testing.T, a *testing.B or a *rapid.T.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// WantOutcome wants the error of a handler to be of this class, with this reason ("" for none), and returns its outcome.
func WantOutcome(t T, err error, class retry.Class, reason string) retry.Outcome {
	t.Helper()
	o := retry.Classify(err)
	if o.Class != class || o.Reason != reason {
		t.Fatalf("the outcome is %s, want %s", outcomeText(o.Class, o.Reason, err), outcomeText(class, reason, nil))
	}
	return o
}

func outcomeText(class retry.Class, reason string, err error) string {
	text := class.String()
	if reason != "" {
		text += " " + reason
	}
	if err != nil {
		text += fmt.Sprintf(" (%v)", err)
	}
	return text
}

// WantDone wants a handler's message to be done.
func WantDone(t T, err error) { t.Helper(); WantOutcome(t, err, retry.ClassDone, "") }

// WantRetryable wants a handler's message to be redelivered, and returns the outcome.
func WantRetryable(t T, err error) retry.Outcome {
	t.Helper()
	return WantOutcome(t, err, retry.ClassRetryable, "")
}

// Row returns the row of an order, which must be there.
func (w *World) Row(t T, id contracts.OrderID) order.Order {
	t.Helper()
	o, found, err := w.Rows.Read(context.Background(), id)
	if err != nil || !found {
		t.Fatalf("order %s has no row (%v)", id, err)
	}
	return o
}

// WantRow wants a row with this status and version, and returns it.
func (w *World) WantRow(t T, id contracts.OrderID, status contracts.Status, version int) order.Order {
	t.Helper()
	o := w.Row(t, id)
	if o.Status != status || o.Version != version {
		t.Errorf("the row of %s is %s at version %d, want %s at %d", id, o.Status, o.Version, status, version)
	}
	return o
}

// WantReason wants a row to have this reason, with these seats, or none if code is "".
func (w *World) WantReason(t T, id contracts.OrderID, code contracts.Reason, seats ...string) {
	t.Helper()
	var got contracts.Reason
	var of []string
	if r := w.Row(t, id).Reason; r != nil {
		got, of = r.Code, r.Seats
	}
	if got != code || !slices.Equal(of, seats) {
		t.Errorf("the reason of %s is %q with seats %v, want %q with %v", id, got, of, code, seats)
	}
}

// WantNoRow wants an order to have no row.
func (w *World) WantNoRow(t T, id contracts.OrderID) {
	t.Helper()
	if o, found, err := w.Rows.Read(context.Background(), id); found || err != nil {
		t.Errorf("order %s has a row, %s at version %d (%v); want none", id, o.Status, o.Version, err)
	}
}

// WantTickets wants an order to have tickets for just these seats of a group, in any order.
func (w *World) WantTickets(t T, g contracts.SeatGroup, id contracts.OrderID, seats ...string) {
	t.Helper()
	tickets, err := w.Rows.Tickets(context.Background(), g)
	var got []string
	for seat, owner := range tickets {
		if owner == id {
			got = append(got, seat)
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(seats)); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s has tickets for %v (%v), want %v", id, got, err, want)
	}
}

// SentKinds returns the kinds of the messages that were sent, in their order.
func (w *World) SentKinds() (kinds []message.Kind) {
	for _, m := range w.Sent() {
		kinds = append(kinds, m.Attributes.Kind)
	}
	return kinds
}

// WantSent wants the messages that were sent, from the begin or from ForgetSent, to be of these kinds in this order.
func (w *World) WantSent(t T, kinds ...message.Kind) {
	t.Helper()
	if got := w.SentKinds(); !slices.Equal(got, kinds) {
		t.Errorf("sent %v, want %v", got, kinds)
	}
}

// SentMessage decodes the message that was sent as the n-th, from 0. It must be there and of type M.
func SentMessage[M message.Message](t T, w *World, n int) M {
	t.Helper()
	var none M
	sent := w.Sent()
	if n >= len(sent) {
		t.Fatalf("message %d was not sent: sent %v", n, w.SentKinds())
		return none
	}
	decoded, err := message.Decode(sent[n].Body)
	m, ok := decoded.(M)
	if err != nil || !ok {
		t.Fatalf("message %d is a %T (%v), want a %T: %s", n, decoded, err, none, sent[n].Body)
	}
	return m
}

// Buried returns the messages that were buried, each as "MESSAGE-ID REASON", in their order.
func (w *World) Buried() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.buried)
}

// WantBuried wants these messages to have been buried, each as "MESSAGE-ID REASON", in this order.
func (w *World) WantBuried(t T, letters ...string) {
	t.Helper()
	if got := w.Buried(); !slices.Equal(got, letters) {
		t.Errorf("buried %q, want %q", got, letters)
	}
}

// WantCalls wants just these calls to have been made, in this order, from the begin or from ForgetCalls.
func (w *World) WantCalls(t T, calls ...Call) {
	t.Helper()
	if got := w.Calls(); !slices.Equal(got, calls) {
		t.Errorf("made the calls %q, want %q", got, calls)
	}
}

// WantAlarm wants InvariantsBroken to have been written, or not.
func (w *World) WantAlarm(t T, want bool) {
	t.Helper()
	if w.Alarmed() != want {
		t.Errorf("InvariantsBroken was written: %v, want %v; metrics %s", !want, want, w.Metrics.String())
	}
}

// Place is what Redis shows of one place of a group. The zero Place is Free.
type Place struct {
	state seatstate.State
	order contracts.OrderID
}

// Free is a place that is neither held nor sold.
var Free Place

// HeldBy is a place that an order holds.
func HeldBy(id contracts.OrderID) Place { return Place{seatstate.Held, id} }

// SoldTo is a place that is sold to an order.
func SoldTo(id contracts.OrderID) Place { return Place{seatstate.Sold, id} }

// String is what a failed test prints.
func (p Place) String() string {
	switch p.state {
	case seatstate.Held:
		return "held by " + string(p.order)
	case seatstate.Sold:
		return "sold to " + string(p.order)
	default:
		return "free"
	}
}

// WantPlaces wants Redis to show these places of a group, from place 0, and every later place as free.
func (w *World) WantPlaces(t T, g contracts.SeatGroup, places ...Place) {
	t.Helper()
	want := map[int]Place{}
	for n, p := range places {
		if p != Free {
			want[n] = p
		}
	}
	entries := w.Holds.Inspect(g).Entries
	got := map[int]Place{}
	for n, e := range entries {
		if e.State != seatstate.Free {
			got[n] = Place{e.State, e.Order}
		}
	}
	same := len(got) == len(want)
	for n, p := range want {
		same = same && got[n] == p
	}
	if !same {
		t.Errorf("Redis shows of %s %s, want %s", g.Key(), placesText(got), placesText(want))
	}
}

func placesText(places map[int]Place) string {
	numbers := make([]int, 0, len(places))
	for n := range places {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var text []string
	for _, n := range numbers {
		text = append(text, fmt.Sprintf("%d %s", n, places[n]))
	}
	if len(text) == 0 {
		return "all places free"
	}
	return strings.Join(text, ", ")
}

// Taken returns the places of a group that are not free in Redis, in their order.
func (w *World) Taken(g contracts.SeatGroup) (places []int) {
	for n := range w.Holds.Inspect(g).Entries {
		places = append(places, n)
	}
	slices.Sort(places)
	return places
}

// WantTaken wants just these places of a group not to be free in Redis, whoever has them.
func (w *World) WantTaken(t T, g contracts.SeatGroup, places ...int) {
	t.Helper()
	if got := w.Taken(g); !slices.Equal(got, places) {
		t.Errorf("places %v of %s are taken, want %v", got, g.Key(), places)
	}
}
