package pay_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// made is an authorised PaymentIntent with metadata of any kind.
func (w *world) made(key string, metadata map[string]string) pay.Created {
	w.t.Helper()
	c, err := w.provider.Create(w.t.Context(), key, pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: metadata})
	if err != nil {
		w.t.Fatal(err)
	}
	w.confirm(c, mempay.CardGood)
	return c
}

// with are the metadata of the world's order but for one.
func (w *world) with(name, value string) map[string]string {
	m := map[string]string{
		stripeevent.MetadataEnvironment: environment, stripeevent.MetadataOrder: string(w.id),
		stripeevent.MetadataConcert: group.ConcertID, stripeevent.MetadataGroup: group.Group,
	}
	m[name] = value
	return m
}

func (w *world) sentKinds() string {
	var kinds []string
	for _, m := range w.sent {
		kinds = append(kinds, string(m.Attributes.Kind))
	}
	return strings.Join(kinds, " ")
}

var fetch = message.FetchEvents{Since: 1_000_000, Run: 1}

// What was not delivered goes on as the webhook would have sent it, in its order. What is another environment's is left
// alone, and what nobody could act on is told and keeps back nothing.
func TestEventsThatWereNotDeliveredGoOn(t *testing.T) {
	w := newWorld(t)
	c := w.awaiting()
	if err := w.provider.Confirm(c, mempay.CardDeclined); err == nil {
		t.Fatal("the card was taken")
	}
	w.made("foreign", w.with(stripeevent.MetadataEnvironment, "live"))
	w.made("nonsense", w.with(stripeevent.MetadataOrder, "nobody's"))
	w.confirm(c, mempay.CardGood)
	if _, err := w.provider.Cancel(t.Context(), "elsewhere", c.ID); err != nil {
		t.Fatal(err)
	}
	w.calls = nil
	w.done(fetch)
	if got := w.sentKinds(); got != "PaymentDeclined PaymentAuthorized CheckPayment" {
		t.Errorf("sent %s", got)
	}
	if got := strings.Join(w.calls, " "); got != "events send" {
		t.Errorf("calls %s", got)
	}
	if !strings.Contains(w.log.String(), "event passed over") || !w.metric(telemetry.RecordsPassedOver) || !w.metric(telemetry.EventsFetched) {
		t.Errorf("told %s, %s", w.log.String(), w.metrics.String())
	}
	for _, m := range w.sent {
		if m.Attributes.OrderID != w.id {
			t.Errorf("sent for %s", m.Attributes.OrderID)
		}
	}
}

func TestAFetchThatFailsComesAgain(t *testing.T) {
	for n, name := range []string{"events", "send"} {
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			w.authorized()
			w.calls, w.failAt, w.after = nil, n+1, after
			if o := w.handle(fetch); o.Class != retry.ClassRetryable {
				t.Errorf("%s: %+v", name, o)
			}
			w.done(fetch)
			if !strings.HasPrefix(w.sentKinds(), "PaymentAuthorized") {
				t.Errorf("%s: sent %s", name, w.sentKinds())
			}
		}
	}
	w := newWorld(t)
	w.fail["events"] = pay.FailureBug
	poison(t, w.handle(fetch), "provider_refuses")
	quiet := newWorld(t)
	quiet.done(fetch)
	if got := strings.Join(quiet.calls, " "); got != "events" {
		t.Errorf("nothing to send: calls %s", got)
	}
}

// through handles a message and what it leaves to later messages of its own kind, and returns how many messages that took.
func (w *world) through(m message.Message) (messages int) {
	w.t.Helper()
	at := len(w.sent)
	w.done(m)
	for messages = 1; at < len(w.sent); at++ {
		if w.sent[at].Attributes.Kind != m.Kind() {
			continue
		}
		if w.sent[at].Route.Group != m.Route().Group || w.sent[at].DeduplicationID == m.Route().DeduplicationID {
			w.t.Fatalf("goes on as %+v", w.sent[at].Route)
		}
		next, err := message.Decode(w.sent[at].Body)
		if err != nil {
			w.t.Fatal(err)
		}
		w.done(next)
		if messages++; messages > 1000 {
			w.t.Fatal("it never ends")
		}
	}
	return messages
}

// count is how many messages of a kind were sent.
func (w *world) count(kind message.Kind) (n int) {
	for _, m := range w.sent {
		if m.Attributes.Kind == kind {
			n++
		}
	}
	return n
}

// noise are events of another environment that shares the account.
func (w *world) noise(events int) {
	w.t.Helper()
	c, err := w.provider.Create(w.t.Context(), fmt.Sprint("noise ", len(w.provider.Effects())), pay.CreateParams{
		Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: w.with(stripeevent.MetadataEnvironment, "live"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for range events {
		w.declined(c)
	}
}

// However many events another environment has, before, between and behind ours: each of ours goes on, once, and none of theirs.
func TestEventsOfOthersKeepNoneOfOursBack(t *testing.T) {
	for _, c := range []struct{ older, between, newer, messages int }{
		{0, 0, 0, 1}, {0, 0, 1500, 1}, {2500, 0, 0, 2}, {0, 0, 9000, 5}, {300, 4000, 5000, 5}, {100, 99, 1, 1},
	} {
		w := newWorld(t)
		w.noise(c.older)
		intent := w.awaiting()
		w.declined(intent)
		w.noise(c.between)
		w.confirm(intent, mempay.CardGood)
		w.noise(c.newer)
		if got := w.through(fetch); got != c.messages {
			t.Errorf("%+v: %d messages", c, got)
		}
		if w.count(message.KindPaymentDeclined) != 1 || w.count(message.KindPaymentAuthorized) != 1 {
			t.Errorf("%+v: sent %s", c, w.sentKinds())
		}
		for _, m := range w.sent {
			if m.Attributes.OrderID != w.id && m.Attributes.Kind != message.KindFetchEvents {
				t.Errorf("%+v: sent for %s", c, m.Attributes.OrderID)
			}
		}
	}
}

// Of more events than one message sends all go on.
func TestAllEventsGoOn(t *testing.T) {
	w := newWorld(t)
	intent := w.awaiting()
	const events = 4321
	for range events {
		w.declined(intent)
	}
	w.through(fetch)
	ids := map[string]bool{}
	for _, m := range w.sent {
		ids[m.DeduplicationID] = true
	}
	if got := w.count(message.KindPaymentDeclined); got != events || len(ids) != len(w.sent) {
		t.Errorf("%d events went on, %d messages of %d are different", got, len(ids), len(w.sent))
	}
}

// An event that nobody could act on, wherever it is in the list, is reported and stops nothing.
func TestAnEventThatCannotBeHandledStopsNothing(t *testing.T) {
	for name, metadata := range map[string]map[string]string{
		"no order":     {stripeevent.MetadataOrder: ""},
		"no group":     {stripeevent.MetadataGroup: ""},
		"a bad group":  {stripeevent.MetadataGroup: "a b"},
		"a long group": {stripeevent.MetadataGroup: strings.Repeat("g", 500)},
		"a bad order":  {stripeevent.MetadataOrder: strings.Repeat("X", 32)},
	} {
		w := newWorld(t)
		bad := w.with("", "")
		delete(bad, "")
		for n, v := range metadata {
			bad[n] = v
		}
		c := w.awaiting()
		w.declined(c)
		w.made("bad", bad)
		w.confirm(c, mempay.CardGood)
		w.done(fetch)
		if got := w.sentKinds(); got != "PaymentDeclined PaymentAuthorized" {
			t.Errorf("%s: sent %s", name, got)
		}
		if !w.metric(telemetry.RecordsPassedOver) {
			t.Errorf("%s: no alarm", name)
		}
	}
}

// What fails in the middle of a list does not undo what was done, and the rest goes on in another message.
func TestAListGoesOnAfterAFailure(t *testing.T) {
	plain := newWorld(t)
	list := func(w *world) {
		w.noise(250)
		c := w.awaiting()
		w.declined(c)
		w.noise(150)
		w.confirm(c, mempay.CardGood)
		w.noise(50)
		w.calls = nil
	}
	list(plain)
	plain.through(fetch)
	for n := range plain.calls {
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			list(w)
			w.failAt, w.after = n+1, after
			w.through(fetch)
			if w.count(message.KindPaymentDeclined) < 1 || w.count(message.KindPaymentAuthorized) < 1 {
				t.Errorf("call %d %s, after %v: sent %s", n+1, plain.calls[n], after, w.sentKinds())
			}
		}
	}
	if len(plain.calls) < 6 {
		t.Errorf("calls %q", plain.calls)
	}
}

// A list is given up where later ones have begun, but its first page is read however late it is; and it is left to a later
// message where time is short.
func TestAListThatTakesTooLong(t *testing.T) {
	w := newWorld(t)
	w.noise(5000)
	m := fetch
	m.Deadline = w.now - 1
	if got := w.through(m); got != 1 || !w.metric(telemetry.ListsCutShort) {
		t.Errorf("late: %d messages, %s", got, w.metrics.String())
	}
	if got := w.asked(); strings.Count(got, "events") != 20 {
		t.Errorf("late: asked %s", got)
	}
	w.metrics.Reset()
	m.Deadline = w.now + 1
	if got := w.through(m); got != 3 || w.metric(telemetry.ListsCutShort) {
		t.Errorf("in time: %d messages, %s", got, w.metrics.String())
	}
	// A message that goes on, and can only fail, does not do so for ever.
	m.After, m.Deadline = "evt_4", w.now-1
	w.fail["events"] = pay.FailureUnknown
	if o := w.handle(m); o.Class != retry.ClassDone {
		t.Errorf("late and failing: %+v", o)
	}
	m.After = ""
	w.fail["events"] = pay.FailureUnknown
	if o := w.handle(m); o.Class != retry.ClassRetryable {
		t.Errorf("late, failing and never begun: %+v", o)
	}

	w = newWorld(t)
	w.noise(5000)
	e, err := message.Encode(fetch, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), w.now.Time().Add(time.Second))
	defer cancel()
	if o := retry.Classify(w.pay().Handle(ctx, message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: 1})); o.Class != retry.ClassDone {
		t.Errorf("with a second left: %+v", o)
	}
	if got := w.asked(); got != "events" || w.count(message.KindFetchEvents) != 1 {
		t.Errorf("with a second left: asked %s, sent %s", got, w.sentKinds())
	}
}
