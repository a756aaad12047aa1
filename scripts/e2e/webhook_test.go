package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// These tests change the deliveries of Stripe for all tests, so they are not parallel.

// setDeliveries sets how Stripe's events are delivered until the test ends.
func (s *stack) setDeliveries(t *testing.T, settings string) {
	t.Helper()
	set := func(settings string) {
		t.Helper()
		if err := s.Double(context.WithoutCancel(t.Context()), http.MethodPost, "/double/deliveries", settings, nil); err != nil {
			t.Fatal(err)
		}
	}
	set(settings)
	t.Cleanup(func() { set("{}") })
}

// delivery is one attempt to deliver an event.
type delivery struct {
	Event, Type, Error string
	Status             int
}

// deliveries returns all attempts so far, and the number of held events.
func (s *stack) deliveries(t *testing.T) (tries []delivery, held int) {
	t.Helper()
	var all struct {
		Attempts []delivery
		Held     int
	}
	if err := s.Double(t.Context(), http.MethodGet, "/double/deliveries", "", &all); err != nil {
		t.Fatal(err)
	}
	return all.Attempts, all.Held
}

// waitHeldEvents waits until at least n events are held.
func (s *stack) waitHeldEvents(t *testing.T, n int) {
	t.Helper()
	eventually(t, decideWithin, func() (bool, string) {
		_, held := s.deliveries(t)
		return held >= n, fmt.Sprintf("%d events are held, want %d", held, n)
	})
}

// releaseHeldEvents delivers the held events, the last one first, and returns when all are delivered.
func (s *stack) releaseHeldEvents(t *testing.T) {
	t.Helper()
	if err := s.Double(t.Context(), http.MethodPost, "/double/deliveries/release", `{"order":"reverse"}`, nil); err != nil {
		t.Fatal(err)
	}
}

// pipelineEvents are the types of events that the pipeline uses, as a member of the delivery settings.
const pipelineEvents = `"types":["` + stripeevent.TypeAuthorized + `","` + stripeevent.TypeDeclined + `","` + stripeevent.TypeCanceled + `"]`

// Each event is delivered five times, and the decline after the later authorisation. The order is paid once, and late events
// change nothing.
func TestRepeatedAndReorderedEventsPayOnce(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	s.setDeliveries(t, `{"hold":true,"copies":4,`+pipelineEvents+`}`)
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 2)...)
	before, _ := s.deliveries(t)
	s.pay(t, order, "pm_card_visa_chargeDeclined")
	s.pay(t, order, "pm_card_visa")
	s.waitHeldEvents(t, 2)
	s.releaseHeldEvents(t)
	paid := s.waitEnded(t, anna, order.OrderID)
	wantStatus(t, paid, contracts.Confirmed)
	delivered := map[string]int{}
	tries, _ := s.deliveries(t)
	for _, d := range tries[len(before):] {
		if d.Status != http.StatusOK {
			t.Errorf("%s got %d %s", d.Type, d.Status, d.Error)
		}
		delivered[d.Type]++
	}
	if delivered[stripeevent.TypeAuthorized] != 5 || delivered[stripeevent.TypeDeclined] != 5 {
		t.Errorf("events were delivered %v, want each 5 times", delivered)
	}
	s.waitNoPaymentMessages(t)
	// A scheduled run of reconcile may have fetched the decline before: then it is a version, but with the same status.
	row, _ := s.row(t, order.OrderID)
	if row.Version > 5 || len(row.History) != 4 || timelineOf(paid) != "QUEUED HELD AWAITING_PAYMENT COMMITTED CONFIRMED" {
		t.Errorf("the order is at version %d after %+v", row.Version, row.History)
	}
	s.waitConsistent(t, order.OrderID)
}

// waitNoPaymentMessages waits until no message about a payment is under way.
func (s *stack) waitNoPaymentMessages(t *testing.T) {
	t.Helper()
	for _, queue := range []string{"authorizations", "payments"} {
		eventually(t, decideWithin, func() (bool, string) {
			n, err := s.Waiting(t.Context(), queue)
			if err != nil {
				t.Fatal(err)
			}
			return n == 0, fmt.Sprintf("%d messages in %s", n, queue)
		})
	}
}

// The authorisation event arrives after the buyer has cancelled: nothing is charged. If a scheduled reconcile asked Stripe before
// the cancellation, the order is paid, and the test tries another one.
func TestLateAuthorisationDoesNotChargeAnEndedOrder(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	var ids []string
	for i := range 3 {
		s.setDeliveries(t, `{"hold":true,`+pipelineEvents+`}`)
		order := s.placePayable(t, anna, fmt.Sprint("key-", i), s.takeSeats(t, 1)...)
		ids = append(ids, order.OrderID)
		s.pay(t, order, "pm_card_visa")
		s.waitHeldEvents(t, 1)
		s.cancel(t, anna, order.OrderID)
		ended := s.waitEnded(t, anna, order.OrderID)
		s.releaseHeldEvents(t)
		s.waitNoPaymentMessages(t)
		if ended.Status == contracts.Cancelled {
			wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Cancelled)
			s.waitConsistent(t, ids...)
			return
		}
	}
	t.Errorf("none of the orders %v could be cancelled", ids)
}

// Knowing an order and its PaymentIntent, but not the webhook secret, is not enough to make the order paid.
func TestForgedEventsAreRefused(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	event := s.authorizedEvent(t, row)
	now := time.Now()
	for name, c := range map[string]struct {
		secret string
		signed time.Time
		change func(body []byte, header string) ([]byte, string)
		code   string
	}{
		"another secret": {secret: "whsec_of_somebody_else", signed: now, code: "invalid_signature"},
		"an hour old":    {secret: s.WebhookSecret(), signed: now.Add(-time.Hour), code: "stale_signature"},
		"changed since":  {secret: s.WebhookSecret(), signed: now, change: func(b []byte, h string) ([]byte, string) { return append(b, ' '), h }, code: "invalid_signature"},
		"not signed":     {secret: s.WebhookSecret(), signed: now, change: func(b []byte, _ string) ([]byte, string) { return b, "" }, code: "invalid_signature"},
	} {
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: event, Secret: c.secret, Timestamp: c.signed})
		body, header := bytes.Clone(event), signed.Header
		if c.change != nil {
			body, header = c.change(body, header)
		}
		answer, err := s.withToken(t, "").Do(t.Context(), http.MethodPost, "/webhooks/stripe", body, map[string]string{"Stripe-Signature": header, "Content-Type": "application/json"})
		if err != nil || answer.Status != http.StatusBadRequest || answer.Problem().Code != c.code {
			t.Errorf("%s: %d %+v, %v", name, answer.Status, answer.Problem(), err)
		}
	}
	s.waitNoPaymentMessages(t)
	if after, _ := s.row(t, order.OrderID); after.Version != row.Version || after.Status != contracts.AwaitingPayment {
		t.Errorf("the order became %s at version %d", after.Status, after.Version)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitConsistent(t, order.OrderID)
}

// A signed event of live mode at a stack of test mode gets a 200, so that Stripe does not repeat it, and pays nothing.
func TestEventOfTheOtherModePaysNothing(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	body := bytes.Replace(s.authorizedEvent(t, row), []byte(`{`), []byte(`{"livemode":true,`), 1)
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: s.WebhookSecret(), Timestamp: time.Now()})
	answer, err := s.withToken(t, "").Do(t.Context(), http.MethodPost, "/webhooks/stripe", body, map[string]string{"Stripe-Signature": signed.Header, "Content-Type": "application/json"})
	if err != nil || answer.Status != http.StatusOK || string(answer.Body) != `{"enqueued":false}` {
		t.Errorf("got %d %s, %v", answer.Status, answer.Body, err)
	}
	s.waitNoPaymentMessages(t)
	if after, _ := s.row(t, order.OrderID); after.Version != row.Version || after.Status != contracts.AwaitingPayment {
		t.Errorf("the order became %s at version %d", after.Status, after.Version)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitConsistent(t, order.OrderID)
}

// authorizedEvent returns the event that Stripe would send if the order's PaymentIntent were authorised.
func (s *stack) authorizedEvent(t *testing.T, row readmodel.Order) []byte {
	t.Helper()
	intent, err := s.Merchant().PaymentIntents.Get(row.Payment.IntentID, nil)
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]any{
		"id": intent.ID, "object": "payment_intent", "amount": intent.Amount, "amount_capturable": intent.Amount,
		"currency": intent.Currency, "livemode": false, "status": "requires_capture", "metadata": intent.Metadata,
	}
	body, err := json.Marshal(map[string]any{
		"id": "evt_forged", "object": "event", "api_version": stripeevent.APIVersion, "created": time.Now().Unix(),
		"type": stripeevent.TypeAuthorized, "data": map[string]any{"object": object},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// authorizeOther creates a PaymentIntent with the metadata of the order's own one, after change, and authorises it.
func (s *stack) authorizeOther(t *testing.T, row readmodel.Order, change func(*stripe.PaymentIntentParams)) *stripe.PaymentIntent {
	t.Helper()
	own, err := s.Merchant().PaymentIntents.Get(row.Payment.IntentID, nil)
	if err != nil {
		t.Fatal(err)
	}
	params := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(own.Amount), Currency: stripe.String(string(own.Currency)), CaptureMethod: stripe.String("manual"),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}), Metadata: maps.Clone(own.Metadata),
	}
	change(params)
	made, err := s.Merchant().PaymentIntents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Confirm(t.Context(), made.ClientSecret, "pm_card_visa"); err != nil || c.Status != "requires_capture" {
		t.Fatalf("the card's result is %+v, %v", c, err)
	}
	return made
}

func (s *stack) waitIntentStatus(t *testing.T, id string, want stripe.PaymentIntentStatus) {
	t.Helper()
	eventually(t, decideWithin, func() (bool, string) {
		i, err := s.Merchant().PaymentIntents.Get(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		return i.Status == want, fmt.Sprintf("%s is %s, want %s", id, i.Status, want)
	})
}

// A genuine event with an amount that is not the order's price ends the order, and neither PaymentIntent is ever captured.
func TestMismatchingPaymentEndsTheOrder(t *testing.T) {
	s := requireStack(t)
	for name, change := range map[string]func(*stripe.PaymentIntentParams){
		"less":             func(p *stripe.PaymentIntentParams) { *p.Amount -= 100 },
		"more":             func(p *stripe.PaymentIntentParams) { *p.Amount += 100 },
		"another currency": func(p *stripe.PaymentIntentParams) { p.Currency = stripe.String("chf") },
	} {
		t.Run(name, func(t *testing.T) {
			anna := s.signedIn(t, testbed.Named("anna"))
			order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
			row, _ := s.row(t, order.OrderID)
			wrong := s.authorizeOther(t, row, change)
			ended := s.waitEnded(t, anna, order.OrderID)
			wantStatus(t, ended, contracts.Rejected)
			if ended.Reason == nil || ended.Reason.Code != contracts.ReasonPaymentMismatch {
				t.Errorf("reason %+v", ended.Reason)
			}
			s.waitIntentStatus(t, wrong.ID, stripe.PaymentIntentStatusCanceled)
			s.waitIntentStatus(t, row.Payment.IntentID, stripe.PaymentIntentStatusCanceled)
			s.waitConsistent(t, order.OrderID)
		})
	}
}

// Events of another environment that shares the account get a 200 and are dropped: neither the order nor the other PaymentIntent
// changes.
func TestAnotherEnvironmentsEventsAreDropped(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	before, _ := s.deliveries(t)
	foreign := s.authorizeOther(t, row, func(p *stripe.PaymentIntentParams) { p.Metadata[stripeevent.MetadataEnvironment] = "another" })
	eventually(t, decideWithin, func() (bool, string) {
		tries, _ := s.deliveries(t)
		for _, d := range tries[len(before):] {
			if d.Type == stripeevent.TypeAuthorized {
				return d.Status == http.StatusOK, fmt.Sprintf("got %d %s", d.Status, d.Error)
			}
		}
		return false, "the event was not delivered yet"
	})
	s.waitNoPaymentMessages(t)
	if after, _ := s.row(t, order.OrderID); after.Version != row.Version {
		t.Errorf("the order became %s at version %d", after.Status, after.Version)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitIntentStatus(t, foreign.ID, stripe.PaymentIntentStatusRequiresCapture)
	if _, err := s.Merchant().PaymentIntents.Cancel(foreign.ID, nil); err != nil {
		t.Fatal(err)
	}
	s.waitConsistent(t, order.OrderID)
}

// No webhook arrives, and the pipeline fetches from Stripe what was not delivered. A decline is known in no other way.
func TestLostEventsAreFetched(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	s.setDeliveries(t, `{"drop":true}`)
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	s.pay(t, order, "pm_card_visa_chargeDeclinedInsufficientFunds")
	s.fetchEvents(t)
	declined := s.waitFor(t, anna, order.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Payment == nil || o.Payment.LastError != nil })
	if declined.Payment == nil || declined.Payment.LastError.Code != "insufficient_funds" {
		t.Fatalf("the order is %s, payment %+v", declined.Status, declined.Payment)
	}
	s.pay(t, order, "pm_card_visa")
	s.fetchEvents(t)
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitConsistent(t, order.OrderID)
}

// The cancellation of a payment is not delivered. The order ends nevertheless, once Stripe is asked.
func TestLostCancellationIsFetched(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	s.setDeliveries(t, `{"drop":true}`)
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	if _, err := s.Merchant().PaymentIntents.Cancel(row.Payment.IntentID, nil); err != nil {
		t.Fatal(err)
	}
	s.fetchEvents(t)
	ended := s.waitEnded(t, anna, order.OrderID)
	wantStatus(t, ended, contracts.Rejected)
	if ended.Reason == nil || ended.Reason.Code != contracts.ReasonPaymentRefused {
		t.Errorf("reason %+v", ended.Reason)
	}
	s.waitConsistent(t, order.OrderID)
}

// fetchEvents requests what a run of reconcile requests, so that the test does not wait for its schedule.
func (s *stack) fetchEvents(t *testing.T) {
	t.Helper()
	now := contracts.InstantOf(time.Now())
	m, err := message.Encode(message.FetchEvents{Since: now.Add(-time.Minute), Run: int64(now)}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(t, m)
}

// No webhook arrives, and reconcile reads the payment of an order before its hold ends. If a scheduled run came between the order
// and the card, there is no second reading, the order ends, and the test tries another one.
func TestLostAuthorisationIsFoundByReconcile(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	s.setDeliveries(t, `{"drop":true}`)
	var ids []string
	for i := range 3 {
		order := s.placePayable(t, anna, fmt.Sprint("key-", i), s.takeSeats(t, 1)...)
		ids = append(ids, order.OrderID)
		s.pay(t, order, "pm_card_visa")
		s.reconcile(t)
		if ended := s.waitEnded(t, anna, order.OrderID); ended.Status == contracts.Confirmed {
			s.waitConsistent(t, ids...)
			return
		}
	}
	t.Errorf("none of the orders %v was found to be paid", ids)
}
