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

// The tests here change what Stripe delivers, to everybody: they are not parallel, so they have the stack to themselves.

// delivers sets what becomes of Stripe's deliveries until the test ends.
func (s *stack) delivers(t *testing.T, settings string) {
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

// delivery is one try to deliver an event.
type delivery struct {
	Event, Type, Error string
	Status             int
}

// deliveries are all tries so far, and how many events are held back.
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

// held waits until so many events, or more, are held back.
func (s *stack) held(t *testing.T, n int) {
	t.Helper()
	eventually(t, decideWithin, func() (bool, string) {
		_, held := s.deliveries(t)
		return held >= n, fmt.Sprintf("%d events are held, want %d", held, n)
	})
}

// release delivers what was held, the last first, and returns when all of it was taken.
func (s *stack) release(t *testing.T) {
	t.Helper()
	if err := s.Double(t.Context(), http.MethodPost, "/double/deliveries/release", `{"order":"reverse"}`, nil); err != nil {
		t.Fatal(err)
	}
}

// onlyOurs are the events that the pipeline goes by, as a setting of the deliveries.
const onlyOurs = `"types":["` + stripeevent.TypeAuthorized + `","` + stripeevent.TypeDeclined + `","` + stripeevent.TypeCanceled + `"]`

// Each event comes five times, and a declined card is told of after the good one: the order is paid once, and the late
// words change nothing.
func TestEventsComeOftenAndInTheWrongOrder(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	s.delivers(t, `{"hold":true,"copies":4,`+onlyOurs+`}`)
	order := s.awaiting(t, anna, "key-1", s.seats(t, 2)...)
	before, _ := s.deliveries(t)
	s.pay(t, order, "pm_card_visa_chargeDeclined")
	s.pay(t, order, "pm_card_visa")
	s.held(t, 2)
	s.release(t)
	paid := s.settled(t, anna, order.OrderID)
	wantStatus(t, paid, contracts.Confirmed)
	came := map[string]int{}
	tries, _ := s.deliveries(t)
	for _, d := range tries[len(before):] {
		if d.Status != http.StatusOK {
			t.Errorf("%s was answered %d %s", d.Type, d.Status, d.Error)
		}
		came[d.Type]++
	}
	if came[stripeevent.TypeAuthorized] != 5 || came[stripeevent.TypeDeclined] != 5 {
		t.Errorf("events came %v, want each 5 times", came)
	}
	s.nothingLeft(t)
	// A minute's reconcile may have fetched the decline before: then it is a version, but of no other status.
	row, _ := s.row(t, order.OrderID)
	if row.Version > 5 || len(row.History) != 4 || statuses(paid) != "QUEUED HELD AWAITING_PAYMENT COMMITTED CONFIRMED" {
		t.Errorf("the order is at version %d after %+v", row.Version, row.History)
	}
	s.agrees(t, order.OrderID)
}

// nothingLeft waits until no message about a payment is under way.
func (s *stack) nothingLeft(t *testing.T) {
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

// The authorisation is told of when the buyer has given the order up: nothing is charged. If a minute's reconcile has asked
// Stripe before the click, the order is paid, and another one is tried.
func TestAnEventOfAnEndedOrderComesLate(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	var ids []string
	for i := range 3 {
		s.delivers(t, `{"hold":true,`+onlyOurs+`}`)
		order := s.awaiting(t, anna, fmt.Sprint("key-", i), s.seats(t, 1)...)
		ids = append(ids, order.OrderID)
		s.pay(t, order, "pm_card_visa")
		s.held(t, 1)
		s.cancel(t, anna, order.OrderID)
		ended := s.settled(t, anna, order.OrderID)
		s.release(t)
		s.nothingLeft(t)
		if ended.Status == contracts.Cancelled {
			wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Cancelled)
			s.agrees(t, ids...)
			return
		}
	}
	t.Errorf("of orders %v none could be given up", ids)
}

// Who knows an order and its PaymentIntent, but not the secret, cannot pay it with words.
func TestForgedEventsAreRefused(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	says := s.saysPaid(t, row)
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
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: says, Secret: c.secret, Timestamp: c.signed})
		body, header := bytes.Clone(says), signed.Header
		if c.change != nil {
			body, header = c.change(body, header)
		}
		answer, err := s.with(t, "").Do(t.Context(), http.MethodPost, "/webhooks/stripe", body, map[string]string{"Stripe-Signature": header, "Content-Type": "application/json"})
		if err != nil || answer.Status != http.StatusBadRequest || answer.Problem().Code != c.code {
			t.Errorf("%s: %d %+v, %v", name, answer.Status, answer.Problem(), err)
		}
	}
	s.nothingLeft(t)
	if after, _ := s.row(t, order.OrderID); after.Version != row.Version || after.Status != contracts.AwaitingPayment {
		t.Errorf("the order became %s at version %d", after.Status, after.Version)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Confirmed)
	s.agrees(t, order.OrderID)
}

// A signed event of live mode at a stack of test mode is answered, so that Stripe does not repeat it, and pays nothing.
func TestAnEventOfTheOtherModePaysNothing(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	body := bytes.Replace(s.saysPaid(t, row), []byte(`{`), []byte(`{"livemode":true,`), 1)
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: s.WebhookSecret(), Timestamp: time.Now()})
	answer, err := s.with(t, "").Do(t.Context(), http.MethodPost, "/webhooks/stripe", body, map[string]string{"Stripe-Signature": signed.Header, "Content-Type": "application/json"})
	if err != nil || answer.Status != http.StatusOK || string(answer.Body) != `{"enqueued":false}` {
		t.Errorf("answered %d %s, %v", answer.Status, answer.Body, err)
	}
	s.nothingLeft(t)
	if after, _ := s.row(t, order.OrderID); after.Version != row.Version || after.Status != contracts.AwaitingPayment {
		t.Errorf("the order became %s at version %d", after.Status, after.Version)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Confirmed)
	s.agrees(t, order.OrderID)
}

// saysPaid is the event that Stripe would send, were the order's PaymentIntent authorised.
func (s *stack) saysPaid(t *testing.T, row readmodel.Order) []byte {
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

// another makes a PaymentIntent with the metadata of an order's own, changed, and has it authorised.
func (s *stack) another(t *testing.T, row readmodel.Order, change func(*stripe.PaymentIntentParams)) *stripe.PaymentIntent {
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
		t.Fatalf("answered %+v, %v", c, err)
	}
	return made
}

func (s *stack) intentIs(t *testing.T, id string, want stripe.PaymentIntentStatus) {
	t.Helper()
	eventually(t, decideWithin, func() (bool, string) {
		i, err := s.Merchant().PaymentIntents.Get(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		return i.Status == want, fmt.Sprintf("%s is %s, want %s", id, i.Status, want)
	})
}

// A truthful event about an amount that the order does not cost ends the order, and neither PaymentIntent is ever captured.
func TestAPaymentThatDoesNotFitEndsTheOrder(t *testing.T) {
	s := theStack(t)
	for name, change := range map[string]func(*stripe.PaymentIntentParams){
		"less":             func(p *stripe.PaymentIntentParams) { *p.Amount -= 100 },
		"more":             func(p *stripe.PaymentIntentParams) { *p.Amount += 100 },
		"another currency": func(p *stripe.PaymentIntentParams) { p.Currency = stripe.String("chf") },
	} {
		t.Run(name, func(t *testing.T) {
			anna := s.as(t, testbed.Named("anna"))
			order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
			row, _ := s.row(t, order.OrderID)
			wrong := s.another(t, row, change)
			ended := s.settled(t, anna, order.OrderID)
			wantStatus(t, ended, contracts.Rejected)
			if ended.Reason == nil || ended.Reason.Code != contracts.ReasonPaymentMismatch {
				t.Errorf("reason %+v", ended.Reason)
			}
			s.intentIs(t, wrong.ID, stripe.PaymentIntentStatusCanceled)
			s.intentIs(t, row.Payment.IntentID, stripe.PaymentIntentStatusCanceled)
			s.agrees(t, order.OrderID)
		})
	}
}

// Events of another environment that shares the account are answered and dropped: neither the order nor the other's
// PaymentIntent is touched.
func TestAnotherEnvironmentsEventsAreDropped(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	before, _ := s.deliveries(t)
	foreign := s.another(t, row, func(p *stripe.PaymentIntentParams) { p.Metadata[stripeevent.MetadataEnvironment] = "another" })
	eventually(t, decideWithin, func() (bool, string) {
		tries, _ := s.deliveries(t)
		for _, d := range tries[len(before):] {
			if d.Type == stripeevent.TypeAuthorized {
				return d.Status == http.StatusOK, fmt.Sprintf("answered %d %s", d.Status, d.Error)
			}
		}
		return false, "the event has not come"
	})
	s.nothingLeft(t)
	if after, _ := s.row(t, order.OrderID); after.Version != row.Version {
		t.Errorf("the order became %s at version %d", after.Status, after.Version)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Confirmed)
	s.intentIs(t, foreign.ID, stripe.PaymentIntentStatusRequiresCapture)
	if _, err := s.Merchant().PaymentIntents.Cancel(foreign.ID, nil); err != nil {
		t.Fatal(err)
	}
	s.agrees(t, order.OrderID)
}

// No webhook comes at all, and Stripe is asked for what it could not deliver. A decline comes by no other way.
func TestLostEventsAreFetched(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	s.delivers(t, `{"drop":true}`)
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	s.pay(t, order, "pm_card_visa_chargeDeclinedInsufficientFunds")
	s.fetch(t)
	told := s.waitFor(t, anna, order.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Payment == nil || o.Payment.LastError != nil })
	if told.Payment == nil || told.Payment.LastError.Code != "insufficient_funds" {
		t.Fatalf("the order is %s, payment %+v", told.Status, told.Payment)
	}
	s.pay(t, order, "pm_card_visa")
	s.fetch(t)
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Confirmed)
	s.agrees(t, order.OrderID)
}

// Nobody is told that a payment was cancelled, and the order ends all the same, once Stripe is asked.
func TestACancelledPaymentNobodyToldOfIsFetched(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	s.delivers(t, `{"drop":true}`)
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	if _, err := s.Merchant().PaymentIntents.Cancel(row.Payment.IntentID, nil); err != nil {
		t.Fatal(err)
	}
	s.fetch(t)
	ended := s.settled(t, anna, order.OrderID)
	wantStatus(t, ended, contracts.Rejected)
	if ended.Reason == nil || ended.Reason.Code != contracts.ReasonPaymentRefused {
		t.Errorf("reason %+v", ended.Reason)
	}
	s.agrees(t, order.OrderID)
}

// fetch asks for what a run of reconcile asks for, without waiting for the next minute's.
func (s *stack) fetch(t *testing.T) {
	t.Helper()
	now := contracts.InstantOf(time.Now())
	m, err := message.Encode(message.FetchEvents{Since: now.Add(-time.Minute), Run: int64(now)}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(t, m)
}

// No webhook comes, and reconcile looks at the payment of an order before its hold ends. If a minute's own run was between
// the order and the card, nobody looks a second time, the order ends, and another one is tried.
func TestAPaymentNobodyToldOfIsFound(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	s.delivers(t, `{"drop":true}`)
	var ids []string
	for i := range 3 {
		order := s.awaiting(t, anna, fmt.Sprint("key-", i), s.seats(t, 1)...)
		ids = append(ids, order.OrderID)
		s.pay(t, order, "pm_card_visa")
		s.reconcile(t)
		if ended := s.settled(t, anna, order.OrderID); ended.Status == contracts.Confirmed {
			s.agrees(t, ids...)
			return
		}
	}
	t.Errorf("of orders %v none was found to be paid", ids)
}
