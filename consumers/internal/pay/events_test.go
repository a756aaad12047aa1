package pay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// made is an authorised PaymentIntent with metadata of any kind.
func (w *fixture) made(key string, metadata map[string]string) pay.Created {
	w.t.Helper()
	c, err := w.Stripe.Create(w.t.Context(), key, pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: metadata})
	if err != nil {
		w.t.Fatal(err)
	}
	w.confirm(c, mempay.CardGood)
	return c
}

// with returns the metadata of the order with one of them changed.
func (w *fixture) with(name, value string) map[string]string {
	m := map[string]string{
		stripeevent.MetadataEnvironment: environment, stripeevent.MetadataOrder: string(w.id),
		stripeevent.MetadataConcert: group.ConcertID, stripeevent.MetadataGroup: group.Group,
	}
	m[name] = value
	return m
}

var fetch = message.FetchEvents{Since: 1_000_000, Run: 1}

// Events that were not delivered are sent on as the webhook sends them, in their order. Those of another environment are left out,
// and those that no handler can act on are reported and hold up none.
func TestEventsThatWereNotDeliveredAreSentOn(t *testing.T) {
	w := newFixture(t)
	c := w.awaiting()
	if err := w.Stripe.Confirm(c, mempay.CardDeclined); err == nil {
		t.Fatal("the card was taken")
	}
	w.made("foreign", w.with(stripeevent.MetadataEnvironment, "live"))
	w.made("nonsense", w.with(stripeevent.MetadataOrder, "nobody's"))
	w.confirm(c, mempay.CardGood)
	if _, err := w.Stripe.Cancel(t.Context(), "elsewhere", c.ID); err != nil {
		t.Fatal(err)
	}
	w.ForgetCalls()
	w.done(fetch)
	w.WantSent(t, message.KindPaymentDeclined, message.KindPaymentAuthorized, message.KindCheckPayment)
	w.WantCalls(t, world.Undelivered, world.Send)
	if !strings.Contains(w.Logs.String(), "event passed over") || !w.Metered(telemetry.RecordsPassedOver) || !w.Metered(telemetry.EventsFetched) {
		t.Errorf("the log is %s, the metrics are %s", w.Logs.String(), w.Metrics.String())
	}
	for _, m := range w.Sent() {
		if m.Attributes.OrderID != w.id {
			t.Errorf("sent for %s", m.Attributes.OrderID)
		}
	}
}

func TestAFetchThatFailsIsRedelivered(t *testing.T) {
	for _, fault := range []world.Fault{
		world.Fails(world.Undelivered), world.LosesAnswer(world.Undelivered), world.Fails(world.Send), world.LosesAnswer(world.Send),
	} {
		w := newFixture(t)
		w.authorized()
		w.Inject(fault)
		world.WantRetryable(t, w.handle(fetch))
		w.done(fetch)
		if kinds := w.SentKinds(); len(kinds) == 0 || kinds[0] != message.KindPaymentAuthorized {
			t.Errorf("%s: sent %v", fault, kinds)
		}
	}
	w := newFixture(t)
	w.Inject(providerFails(world.Undelivered, pay.FailureBug))
	world.WantOutcome(t, w.handle(fetch), retry.ClassPoison, "provider_refuses")
	quiet := newFixture(t)
	quiet.done(fetch)
	quiet.WantCalls(t, world.Undelivered)
}

// through handles a message and all messages of its own kind that it sends, and returns how many there were.
func (w *fixture) through(m message.Message) (messages int) {
	w.t.Helper()
	at := len(w.Sent())
	w.done(m)
	sent := w.Sent()
	for messages = 1; at < len(sent); at++ {
		if sent[at].Attributes.Kind != m.Kind() {
			continue
		}
		if sent[at].Route.Group != m.Route().Group || sent[at].DeduplicationID == m.Route().DeduplicationID {
			w.t.Fatalf("the next message has the group %s and the deduplication id %s", sent[at].Route.Group, sent[at].DeduplicationID)
		}
		next, err := message.Decode(sent[at].Body)
		if err != nil {
			w.t.Fatal(err)
		}
		w.done(next)
		sent = w.Sent()
		if messages++; messages > 1000 {
			w.t.Fatal("it never ends")
		}
	}
	return messages
}

// count is how many messages of a kind were sent.
func (w *fixture) count(kind message.Kind) (n int) {
	for _, m := range w.Sent() {
		if m.Attributes.Kind == kind {
			n++
		}
	}
	return n
}

// noise are events of another environment that shares the account.
func (w *fixture) noise(events int) {
	w.t.Helper()
	c, err := w.Stripe.Create(w.t.Context(), fmt.Sprint("noise ", len(w.Stripe.Effects())), pay.CreateParams{
		Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: w.with(stripeevent.MetadataEnvironment, "live"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for range events {
		w.declined(c)
	}
}

// However many events another environment has, before, between and behind ours: each of ours is sent on once, and none of theirs.
func TestEventsOfOthersKeepNoneOfOursBack(t *testing.T) {
	for _, c := range []struct{ older, between, newer, messages int }{
		{0, 0, 0, 1}, {0, 0, 1500, 1}, {2500, 0, 0, 2}, {0, 0, 9000, 5}, {300, 4000, 5000, 5}, {100, 99, 1, 1},
	} {
		w := newFixture(t)
		w.noise(c.older)
		intent := w.awaiting()
		w.declined(intent)
		w.noise(c.between)
		w.confirm(intent, mempay.CardGood)
		w.noise(c.newer)
		if got := w.through(fetch); got != c.messages {
			t.Errorf("%v: %d messages", c, got)
		}
		if w.count(message.KindPaymentDeclined) != 1 || w.count(message.KindPaymentAuthorized) != 1 {
			t.Errorf("%v: sent %v", c, w.SentKinds())
		}
		for _, m := range w.Sent() {
			if m.Attributes.OrderID != w.id && m.Attributes.Kind != message.KindFetchEvents {
				t.Errorf("%v: sent for %s", c, m.Attributes.OrderID)
			}
		}
	}
}

// More events than one message sends are all sent on.
func TestAllEventsAreSentOn(t *testing.T) {
	w := newFixture(t)
	intent := w.awaiting()
	const events = 4321
	for range events {
		w.declined(intent)
	}
	w.through(fetch)
	ids := map[string]bool{}
	for _, m := range w.Sent() {
		ids[m.DeduplicationID] = true
	}
	if got := w.count(message.KindPaymentDeclined); got != events || len(ids) != len(w.Sent()) {
		t.Errorf("%d events went on, %d messages of %d are different", got, len(ids), len(w.Sent()))
	}
}

// An event that no handler can act on, wherever it is in the list, is reported and holds up no other.
func TestAnEventThatCannotBeHandledStopsNothing(t *testing.T) {
	for name, metadata := range map[string]map[string]string{
		"no order":     {stripeevent.MetadataOrder: ""},
		"no group":     {stripeevent.MetadataGroup: ""},
		"a bad group":  {stripeevent.MetadataGroup: "a b"},
		"a long group": {stripeevent.MetadataGroup: strings.Repeat("g", 500)},
		"a bad order":  {stripeevent.MetadataOrder: strings.Repeat("X", 32)},
	} {
		w := newFixture(t)
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
		if got := w.SentKinds(); !slices.Equal(got, []message.Kind{message.KindPaymentDeclined, message.KindPaymentAuthorized}) {
			t.Errorf("%s: sent %v", name, got)
		}
		if !w.Metered(telemetry.RecordsPassedOver) {
			t.Errorf("%s: no alarm", name)
		}
	}
}

// A failure in the middle of a list undoes nothing, and another message handles the rest.
func TestAListGoesOnAfterAFailure(t *testing.T) {
	plain := newFixture(t)
	list := func(w *fixture) {
		w.noise(250)
		c := w.awaiting()
		w.declined(c)
		w.noise(150)
		w.confirm(c, mempay.CardGood)
		w.noise(50)
		w.ForgetCalls()
	}
	list(plain)
	plain.through(fetch)
	calls := plain.Calls()
	for n, c := range calls {
		for _, fault := range []world.Fault{world.Fails(world.Any).Nth(n + 1), world.LosesAnswer(world.Any).Nth(n + 1)} {
			w := newFixture(t)
			list(w)
			w.Inject(fault)
			w.through(fetch)
			if w.count(message.KindPaymentDeclined) < 1 || w.count(message.KindPaymentAuthorized) < 1 {
				t.Errorf("%s, which is %s: sent %v", fault, c, w.SentKinds())
			}
		}
	}
	if len(calls) < 6 {
		t.Errorf("calls %q", calls)
	}
}

// A list is given up past its deadline, when later ones have begun, but its first page is read however late it is; with little
// time left another message goes on with it.
func TestAListThatTakesTooLong(t *testing.T) {
	w := newFixture(t)
	w.noise(5000)
	m := fetch
	m.Deadline = w.Instant() - 1
	if got := w.through(m); got != 1 || !w.Metered(telemetry.ListsCutShort) {
		t.Errorf("late: %d messages, %s", got, w.Metrics.String())
	}
	if n := w.Count(world.Undelivered); n != 20 {
		t.Errorf("late: %d pages were read, want 20", n)
	}
	w.Metrics.Reset()
	m.Deadline = w.Instant() + 1
	if got := w.through(m); got != 3 || w.Metered(telemetry.ListsCutShort) {
		t.Errorf("in time: %d messages, %s", got, w.Metrics.String())
	}
	// A message that goes on with a list, and can only fail, is not redelivered for ever.
	m.After, m.Deadline = "evt_4", w.Instant()-1
	w.Inject(providerFails(world.Undelivered, pay.FailureUnknown))
	world.WantDone(t, w.handle(m))
	m.After = ""
	w.Inject(providerFails(world.Undelivered, pay.FailureUnknown))
	world.WantRetryable(t, w.handle(m))

	w = newFixture(t)
	w.noise(5000)
	e, err := message.Encode(fetch, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), w.Now().Add(time.Second))
	defer cancel()
	world.WantDone(t, w.pay().Handle(ctx, message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: 1}))
	if pages := w.Count(world.Undelivered); pages != 1 || w.count(message.KindFetchEvents) != 1 {
		t.Errorf("with a second left: %d pages were read, sent %v; want one page and one FetchEvents", pages, w.SentKinds())
	}
}
