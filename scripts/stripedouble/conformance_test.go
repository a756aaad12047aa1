package main

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
)

func stringsReader(s string) io.Reader { return strings.NewReader(s) }

// params are the parameters with which the pipeline creates a PaymentIntent.
func params() *stripe.PaymentIntentParams {
	p := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(4200), Currency: stripe.String("eur"), CaptureMethod: stripe.String("manual"),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	}
	p.AddMetadata("orderId", "e1"+rand.Text())
	return p
}

func (a account) created(t *testing.T) *stripe.PaymentIntent {
	t.Helper()
	i, err := a.PaymentIntents.New(params())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// authorized creates a PaymentIntent and confirms it with a good card, as a browser does.
func (a account) authorized(t *testing.T) *stripe.PaymentIntent {
	t.Helper()
	i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// wantProblem fails the test unless err is a Stripe error with this status, type and code.
func wantProblem(t *testing.T, err error, status int, kind stripe.ErrorType, code stripe.ErrorCode) {
	t.Helper()
	e := detail(t, err)
	if e.HTTPStatusCode != status || e.Type != kind || e.Code != code {
		t.Fatalf("got %d %s %q (%s), want %d %s %q", e.HTTPStatusCode, e.Type, e.Code, e.Msg, status, kind, code)
	}
}

// detail returns the Stripe error in err.
func detail(t *testing.T, err error) stripe.Error {
	t.Helper()
	var e *stripe.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of Stripe's", err)
	}
	return *e
}

func wantUnexpectedState(t *testing.T, err error) {
	t.Helper()
	wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "payment_intent_unexpected_state")
	if detail(t, err).PaymentIntent == nil {
		t.Error("the error does not carry the PaymentIntent")
	}
}

func TestPaymentIntentIsCreatedWithoutACard(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.created(t)
		if i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || i.Amount != 4200 || i.CaptureMethod != "manual" || i.Metadata["orderId"] == "" ||
			!strings.HasPrefix(i.ClientSecret, i.ID+"_secret_") || i.Livemode || i.AmountCapturable != 0 {
			t.Errorf("created %+v", i)
		}
		again, err := a.PaymentIntents.Get(i.ID, nil)
		if err != nil || again.Metadata["orderId"] != i.Metadata["orderId"] || again.ClientSecret != i.ClientSecret {
			t.Errorf("read back %+v, %v", again, err)
		}
		p := &stripe.PaymentIntentParams{}
		p.AddMetadata("note", "x")
		if changed, err := a.PaymentIntents.Update(i.ID, p); err != nil || changed.Metadata["note"] != "x" || changed.Metadata["orderId"] == "" {
			t.Errorf("changed %+v, %v", changed, err)
		}
		_, err = a.PaymentIntents.Get("pi_none", nil)
		wantProblem(t, err, http.StatusNotFound, stripe.ErrorTypeInvalidRequest, "resource_missing")
	})
}

func TestOneIdempotencyKeyCreatesOneObject(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		p := params()
		p.SetIdempotencyKey("pi:" + rand.Text())
		first, err := a.PaymentIntents.New(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := a.PaymentIntents.New(p)
		if err != nil || again.ID != first.ID {
			t.Fatalf("the same request created %v, %v", again, err)
		}
		if again.LastResponse.Header.Get("Idempotent-Replayed") != "true" || first.LastResponse.Header.Get("Idempotent-Replayed") != "" {
			t.Error("Idempotent-Replayed is missing in the replay, or is in the first response")
		}
		p.Amount = stripe.Int64(4300)
		_, err = a.PaymentIntents.New(p)
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeIdempotency, "")
	})
}

func TestInvalidFormLeavesItsKeyUnused(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		p := params()
		p.SetIdempotencyKey("pi:" + rand.Text())
		p.AddExtra("no_such_parameter", "1")
		_, err := a.PaymentIntents.New(p)
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "parameter_unknown")
		right := params()
		right.IdempotencyKey = p.IdempotencyKey
		if _, err := a.PaymentIntents.New(right); err != nil {
			t.Errorf("the key is used up: %v", err)
		}
	})
}

func TestCardIsAuthorizedAndCaptured(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		if i.Status != stripe.PaymentIntentStatusRequiresCapture || i.AmountCapturable != 4200 || i.AmountReceived != 0 || i.LatestCharge == nil {
			t.Fatalf("authorised %+v", i)
		}
		i, err := a.PaymentIntents.Capture(i.ID, nil)
		if err != nil || i.Status != stripe.PaymentIntentStatusSucceeded || i.AmountReceived != 4200 || i.AmountCapturable != 0 {
			t.Fatalf("captured %+v, %v", i, err)
		}
		_, err = a.PaymentIntents.Capture(i.ID, nil)
		wantUnexpectedState(t, err)
		_, err = a.PaymentIntents.Cancel(i.ID, nil)
		wantUnexpectedState(t, err)
		_, err = a.PaymentIntents.Confirm(i.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
		wantUnexpectedState(t, err)
	})
}

func TestCaptureMayBePartialButNotTooLarge(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		_, err := a.PaymentIntents.Capture(i.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(4201)})
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "amount_too_large")
		i, err = a.PaymentIntents.Capture(i.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(1000)})
		if err != nil || i.AmountReceived != 1000 || i.AmountCapturable != 0 || i.Status != stripe.PaymentIntentStatusSucceeded {
			t.Errorf("captured %+v, %v", i, err)
		}
	})
}

func TestCaptureNeedsAnAuthorization(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		_, err := a.PaymentIntents.Capture(a.created(t).ID, nil)
		wantUnexpectedState(t, err)
	})
}

func TestCanceledIntentAllowsNoOperation(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		_, err := a.PaymentIntents.Cancel(i.ID, &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("no_such_reason")})
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "")
		i, err = a.PaymentIntents.Cancel(i.ID, &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("abandoned")})
		if err != nil || i.Status != stripe.PaymentIntentStatusCanceled || i.CancellationReason != "abandoned" || i.CanceledAt == 0 || i.AmountCapturable != 0 {
			t.Fatalf("cancelled %+v, %v", i, err)
		}
		_, err = a.PaymentIntents.Capture(i.ID, nil)
		wantUnexpectedState(t, err)
		_, err = a.PaymentIntents.Cancel(i.ID, nil)
		wantUnexpectedState(t, err)
	})
}

func TestCardsAreDeclined(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		for card, want := range map[string]struct {
			code    stripe.ErrorCode
			decline stripe.DeclineCode
		}{
			"pm_card_visa_chargeDeclined":                  {"card_declined", "generic_decline"},
			"pm_card_visa_chargeDeclinedInsufficientFunds": {"card_declined", "insufficient_funds"},
			"pm_card_visa_chargeDeclinedLostCard":          {"card_declined", "lost_card"},
			"pm_card_chargeDeclinedExpiredCard":            {"expired_card", ""},
			"pm_card_chargeDeclinedIncorrectCvc":           {"incorrect_cvc", ""},
			"pm_card_chargeDeclinedProcessingError":        {"processing_error", ""},
		} {
			i := a.created(t)
			_, err := a.PaymentIntents.Confirm(i.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String(card)})
			wantProblem(t, err, http.StatusPaymentRequired, stripe.ErrorTypeCard, want.code)
			e := detail(t, err)
			if want.decline != "" && e.DeclineCode != want.decline || e.PaymentIntent == nil || e.ChargeID == "" {
				t.Errorf("%s: declined as %+v", card, e)
			}
			i, err = a.PaymentIntents.Get(i.ID, nil)
			if err != nil || i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || i.LastPaymentError == nil || i.LastPaymentError.Code != want.code {
				t.Errorf("%s: afterwards %+v, %v", card, i, err)
			}
			// Another card is accepted.
			i, err = a.PaymentIntents.Confirm(i.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
			if err != nil || i.Status != stripe.PaymentIntentStatusRequiresCapture || i.LastPaymentError != nil {
				t.Errorf("%s, then another: %+v, %v", card, i, err)
			}
		}
	})
}

func TestChallengeRequiresAction(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{
			PaymentMethod: stripe.String("pm_card_threeDSecure2Required"), ReturnURL: stripe.String("http://127.0.0.1:8080/back"),
		})
		if err != nil || i.Status != stripe.PaymentIntentStatusRequiresAction || i.NextAction == nil || i.NextAction.RedirectToURL == nil || i.NextAction.RedirectToURL.URL == "" {
			t.Fatalf("challenged %+v, %v", i, err)
		}
		_, err = a.PaymentIntents.Capture(i.ID, nil)
		wantUnexpectedState(t, err)
	})
}

func TestRefundsNeverExceedTheCharge(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
			t.Fatal(err)
		}
		p := &stripe.RefundParams{PaymentIntent: stripe.String(i.ID), Amount: stripe.Int64(1200)}
		p.AddMetadata("entry", "1")
		part, err := a.Refunds.New(p)
		if err != nil || part.Status != stripe.RefundStatusSucceeded || part.Amount != 1200 || part.Metadata["entry"] != "1" {
			t.Fatalf("refund %+v, %v", part, err)
		}
		_, err = a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID), Amount: stripe.Int64(3001)})
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "")
		if rest, err := a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)}); err != nil || rest.Amount != 3000 {
			t.Fatalf("the rest: %+v, %v", rest, err)
		}
		_, err = a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "charge_already_refunded")
		list := a.Refunds.List(&stripe.RefundListParams{PaymentIntent: stripe.String(i.ID)})
		found := 0
		for list.Next() {
			found++
		}
		if list.Err() != nil || found != 2 {
			t.Errorf("%d refunds, %v", found, list.Err())
		}
	})
}

func TestEventsAreListedNewestFirst(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		if _, err := a.PaymentIntents.Cancel(i.ID, nil); err != nil {
			t.Fatal(err)
		}
		p := &stripe.EventListParams{Types: stripe.StringSlice([]string{"payment_intent.amount_capturable_updated", "payment_intent.canceled"})}
		p.Limit = stripe.Int64(100)
		list := a.Events.List(p)
		var kinds []string
		for list.Next() {
			e := list.Event()
			if e.GetObjectValue("id") == i.ID {
				kinds = append(kinds, string(e.Type))
				if e.APIVersion == "" || e.Created == 0 || e.GetObjectValue("metadata", "orderId") != i.Metadata["orderId"] {
					t.Errorf("event %+v", e)
				}
			}
		}
		if got := strings.Join(kinds, " "); list.Err() != nil || got != "payment_intent.canceled payment_intent.amount_capturable_updated" {
			t.Errorf("events %q, %v; want the newest first", got, list.Err())
		}
	})
}

// With expand, the latest charge replaces its id; it contains what was refunded and whether it is disputed.
func TestLatestChargeCanBeExpanded(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		bare := a.created(t)
		i := a.authorized(t)
		if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID), Amount: stripe.Int64(1200)}); err != nil {
			t.Fatal(err)
		}
		shown := func(what string, c *stripe.Charge, err error) {
			t.Helper()
			if err != nil || c == nil || c.Amount != 4200 || c.AmountCaptured != 4200 || c.AmountRefunded != 1200 || c.Refunded || c.Disputed {
				t.Errorf("%s shows the charge %+v, %v", what, c, err)
			}
		}
		get := &stripe.PaymentIntentParams{}
		get.AddExpand("latest_charge")
		one, err := a.PaymentIntents.Get(i.ID, get)
		if err != nil {
			t.Fatal(err)
		}
		shown("a retrieve", one.LatestCharge, err)
		if card := one.LatestCharge.PaymentMethodDetails.Card; card == nil || card.Brand != "visa" || card.Last4 != "4242" {
			t.Errorf("a retrieve shows the card %+v", card)
		}
		second := a.authorized(t)
		take := &stripe.PaymentIntentCaptureParams{}
		take.AddExpand("latest_charge")
		taken, err := a.PaymentIntents.Capture(second.ID, take)
		if err != nil || taken.LatestCharge == nil || !taken.LatestCharge.Captured || taken.LatestCharge.PaymentMethodDetails.Card.Last4 != "4242" {
			t.Errorf("a capture shows the charge %+v, %v", taken, err)
		}
		if none, err := a.PaymentIntents.Get(bare.ID, get); err != nil || none.LatestCharge != nil {
			t.Errorf("without a card: %+v, %v", none.LatestCharge, err)
		}
		if plain, err := a.PaymentIntents.Get(i.ID, nil); err != nil || plain.LatestCharge.ID != one.LatestCharge.ID || plain.LatestCharge.Amount != 0 {
			t.Errorf("not expanded: %+v, %v", plain.LatestCharge, err)
		}
		list := &stripe.PaymentIntentListParams{}
		list.AddExpand("data.latest_charge")
		list.Limit, list.Single = stripe.Int64(100), true
		found := 0
		all := a.PaymentIntents.List(list)
		for all.Next() {
			if listed := all.PaymentIntent(); listed.ID == i.ID {
				found++
				shown("a list", listed.LatestCharge, nil)
			}
		}
		if all.Err() != nil || found != 1 {
			t.Errorf("listed %d times, %v", found, all.Err())
		}
		for property, ask := range map[string]func(property string) error{
			"latest_charge": func(property string) error {
				p := &stripe.PaymentIntentListParams{}
				p.AddExpand(property)
				all := a.PaymentIntents.List(p)
				all.Next()
				return all.Err()
			},
			"no_such_property": func(property string) error {
				p := &stripe.PaymentIntentParams{}
				p.AddExpand(property)
				_, err := a.PaymentIntents.Get(i.ID, p)
				return err
			},
		} {
			wantProblem(t, ask(property), http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "")
		}
	})
}

func TestIntentListContinuesAfterAnyIntent(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		var made []string
		for range 5 {
			made = append(made, a.created(t).ID)
		}
		p := &stripe.PaymentIntentListParams{}
		p.Limit, p.Single = stripe.Int64(2), true
		p.StartingAfter = stripe.String(made[3])
		list := a.PaymentIntents.List(p)
		var got []string
		for list.Next() {
			got = append(got, list.PaymentIntent().ID)
		}
		// Stripe may list PaymentIntents of one second in any order.
		if list.Err() != nil || len(got) != 2 || got[0] == made[3] {
			t.Errorf("after %s: %v, %v", made[3], got, list.Err())
		}
		p.StartingAfter = stripe.String("pi_none")
		list = a.PaymentIntents.List(p)
		list.Next()
		e := detail(t, list.Err())
		if e.Code != "resource_missing" {
			t.Errorf("after an unknown id: %+v", e)
		}
	})
}

func TestDisputedChargeCannotBeRefunded(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_createDispute")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
			t.Fatal(err)
		}
		get := &stripe.PaymentIntentParams{}
		get.AddExpand("latest_charge")
		// In test mode Stripe hears of the dispute seconds later.
		for deadline := time.Now().Add(30 * time.Second); ; {
			i, err = a.PaymentIntents.Get(i.ID, get)
			if err != nil {
				t.Fatal(err)
			}
			if i.LatestCharge.Disputed {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("not disputed: %+v", i.LatestCharge)
			}
			<-time.After(time.Second)
		}
		if i.Status != stripe.PaymentIntentStatusSucceeded || i.AmountReceived != 4200 || i.LatestCharge.AmountRefunded != 0 {
			t.Errorf("disputed %+v, charge %+v", i, i.LatestCharge)
		}
		_, err = a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
		wantProblem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "charge_disputed")
	})
}
