package pay_test

import (
	"strings"
	"testing"

	"boxoffice/consumers/internal/mempay"
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
