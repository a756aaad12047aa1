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

// params of a PaymentIntent as the pipeline makes them.
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

// authorized confirms with a card that is not refused. A browser would.
func (a account) authorized(t *testing.T) *stripe.PaymentIntent {
	t.Helper()
	i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// problem wants an error of Stripe's with this status, type and code.
func problem(t *testing.T, err error, status int, kind stripe.ErrorType, code stripe.ErrorCode) {
	t.Helper()
	e := detail(t, err)
	if e.HTTPStatusCode != status || e.Type != kind || e.Code != code {
		t.Fatalf("got %d %s %q (%s), want %d %s %q", e.HTTPStatusCode, e.Type, e.Code, e.Msg, status, kind, code)
	}
}

// detail is an error of Stripe's.
func detail(t *testing.T, err error) stripe.Error {
	t.Helper()
	var e *stripe.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of Stripe's", err)
	}
	return *e
}

func unexpected(t *testing.T, err error) {
	t.Helper()
	problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "payment_intent_unexpected_state")
	if detail(t, err).PaymentIntent == nil {
		t.Error("the error does not carry the PaymentIntent")
	}
}

func TestAPaymentIntentIsMadeWithoutACard(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.created(t)
		if i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || i.Amount != 4200 || i.CaptureMethod != "manual" || i.Metadata["orderId"] == "" ||
			!strings.HasPrefix(i.ClientSecret, i.ID+"_secret_") || i.Livemode || i.AmountCapturable != 0 {
			t.Errorf("made %+v", i)
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
		problem(t, err, http.StatusNotFound, stripe.ErrorTypeInvalidRequest, "resource_missing")
	})
}

func TestOneKeyIsOneObject(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		p := params()
		p.SetIdempotencyKey("pi:" + rand.Text())
		first, err := a.PaymentIntents.New(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := a.PaymentIntents.New(p)
		if err != nil || again.ID != first.ID {
			t.Fatalf("the same request made %v, %v", again, err)
		}
		if again.LastResponse.Header.Get("Idempotent-Replayed") != "true" || first.LastResponse.Header.Get("Idempotent-Replayed") != "" {
			t.Error("the replay does not say so, or the first does")
		}
		p.Amount = stripe.Int64(4300)
		_, err = a.PaymentIntents.New(p)
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeIdempotency, "")
	})
}

func TestARefusedFormLeavesItsKeyFree(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		p := params()
		p.SetIdempotencyKey("pi:" + rand.Text())
		p.AddExtra("no_such_parameter", "1")
		_, err := a.PaymentIntents.New(p)
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "parameter_unknown")
		right := params()
		right.IdempotencyKey = p.IdempotencyKey
		if _, err := a.PaymentIntents.New(right); err != nil {
			t.Errorf("the key is used up: %v", err)
		}
	})
}

func TestACardIsAuthorizedAndCaptured(t *testing.T) {
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
		unexpected(t, err)
		_, err = a.PaymentIntents.Cancel(i.ID, nil)
		unexpected(t, err)
		_, err = a.PaymentIntents.Confirm(i.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
		unexpected(t, err)
	})
}

func TestAPartIsCapturedAndNoMoreThanThereIs(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		_, err := a.PaymentIntents.Capture(i.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(4201)})
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "amount_too_large")
		i, err = a.PaymentIntents.Capture(i.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(1000)})
		if err != nil || i.AmountReceived != 1000 || i.AmountCapturable != 0 || i.Status != stripe.PaymentIntentStatusSucceeded {
			t.Errorf("captured %+v, %v", i, err)
		}
	})
}

func TestNothingIsCapturedBeforeTheCard(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		_, err := a.PaymentIntents.Capture(a.created(t).ID, nil)
		unexpected(t, err)
	})
}

func TestACancelledOneIsOver(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i := a.authorized(t)
		_, err := a.PaymentIntents.Cancel(i.ID, &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("no_such_reason")})
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "")
		i, err = a.PaymentIntents.Cancel(i.ID, &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("abandoned")})
		if err != nil || i.Status != stripe.PaymentIntentStatusCanceled || i.CancellationReason != "abandoned" || i.CanceledAt == 0 || i.AmountCapturable != 0 {
			t.Fatalf("cancelled %+v, %v", i, err)
		}
		_, err = a.PaymentIntents.Capture(i.ID, nil)
		unexpected(t, err)
		_, err = a.PaymentIntents.Cancel(i.ID, nil)
		unexpected(t, err)
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
			problem(t, err, http.StatusPaymentRequired, stripe.ErrorTypeCard, want.code)
			e := detail(t, err)
			if want.decline != "" && e.DeclineCode != want.decline || e.PaymentIntent == nil || e.ChargeID == "" {
				t.Errorf("%s: declined as %+v", card, e)
			}
			i, err = a.PaymentIntents.Get(i.ID, nil)
			if err != nil || i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || i.LastPaymentError == nil || i.LastPaymentError.Code != want.code {
				t.Errorf("%s: left %+v, %v", card, i, err)
			}
			// Another card is taken.
			i, err = a.PaymentIntents.Confirm(i.ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")})
			if err != nil || i.Status != stripe.PaymentIntentStatusRequiresCapture || i.LastPaymentError != nil {
				t.Errorf("%s, then another: %+v, %v", card, i, err)
			}
		}
	})
}

func TestABankMayAskFirst(t *testing.T) {
	both(t, func(t *testing.T, a account) {
		i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{
			PaymentMethod: stripe.String("pm_card_threeDSecure2Required"), ReturnURL: stripe.String("http://127.0.0.1:8080/back"),
		})
		if err != nil || i.Status != stripe.PaymentIntentStatusRequiresAction || i.NextAction == nil || i.NextAction.RedirectToURL == nil || i.NextAction.RedirectToURL.URL == "" {
			t.Fatalf("asked %+v, %v", i, err)
		}
		_, err = a.PaymentIntents.Capture(i.ID, nil)
		unexpected(t, err)
	})
}

func TestMoneyGoesBackOnce(t *testing.T) {
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
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "")
		if rest, err := a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)}); err != nil || rest.Amount != 3000 {
			t.Fatalf("the rest: %+v, %v", rest, err)
		}
		_, err = a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "charge_already_refunded")
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

func TestEventsCanBeAskedFor(t *testing.T) {
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
			t.Errorf("events %q, %v: the newest comes first", got, list.Err())
		}
	})
}

// The latest charge is shown in place of its id where that is asked for, and it says what was given back and what is disputed.
func TestAChargeIsShownInItsIntent(t *testing.T) {
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
		if none, err := a.PaymentIntents.Get(bare.ID, get); err != nil || none.LatestCharge != nil {
			t.Errorf("without a card: %+v, %v", none.LatestCharge, err)
		}
		if plain, err := a.PaymentIntents.Get(i.ID, nil); err != nil || plain.LatestCharge.ID != one.LatestCharge.ID || plain.LatestCharge.Amount != 0 {
			t.Errorf("not asked for: %+v, %v", plain.LatestCharge, err)
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
			problem(t, ask(property), http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "")
		}
	})
}

func TestAListOfIntentsGoesOnBehindAnyOfThem(t *testing.T) {
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
		// Those of one second may be listed in any order among themselves at Stripe.
		if list.Err() != nil || len(got) != 2 || got[0] == made[3] {
			t.Errorf("behind %s come %v, %v", made[3], got, list.Err())
		}
		p.StartingAfter = stripe.String("pi_none")
		list = a.PaymentIntents.List(p)
		list.Next()
		e := detail(t, list.Err())
		if e.Code != "resource_missing" {
			t.Errorf("behind none: %+v", e)
		}
	})
}

func TestAChargeIsDisputed(t *testing.T) {
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
		// The cardholder is told by his bank, and Stripe by it: seconds later in test mode.
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
		problem(t, err, http.StatusBadRequest, stripe.ErrorTypeInvalidRequest, "charge_disputed")
	})
}
