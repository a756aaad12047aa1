package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// placePayable places an order and waits until it awaits its payment, with a client secret.
func (s *stack) placePayable(t *testing.T, c *apiclient.Client, key string, seats ...string) apiclient.Order {
	t.Helper()
	order := s.waitDecided(t, c, s.place(t, c, key, seats...).OrderID)
	wantStatus(t, order, contracts.AwaitingPayment)
	if order.Payment == nil || order.Payment.ClientSecret == "" || !strings.HasPrefix(order.Payment.PublishableKey, "pk_") {
		t.Fatalf("order %s has payment %+v", order.OrderID, order.Payment)
	}
	return order
}

// pay confirms the card, as the buyer's browser does.
func (s *stack) pay(t *testing.T, o apiclient.Order, card string) testbed.Card {
	t.Helper()
	c, err := s.Confirm(t.Context(), o.Payment.ClientSecret, card)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// waitEnded waits until an order has reached its final status.
func (s *stack) waitEnded(t *testing.T, c *apiclient.Client, id string) apiclient.Order {
	t.Helper()
	return s.waitFor(t, c, id, s.HoldFor+maxFreeDelay+decideWithin, func(o apiclient.Order) bool { return o.Status.Settled() })
}

// waitConsistent waits until the money, tickets and seats of these orders agree, when nothing is under way any more. ids must be
// all orders of their buyers, because it compares their allowances too.
func (s *stack) waitConsistent(t *testing.T, ids ...string) {
	t.Helper()
	var ours []contracts.OrderID
	for _, id := range ids {
		ours = append(ours, contracts.OrderID(id))
	}
	eventually(t, decideWithin, func() (bool, string) {
		snapshot, err := s.Snapshot(t.Context())
		if err != nil {
			return false, err.Error()
		}
		buyers := map[string]bool{}
		snapshot.Orders = slices.DeleteFunc(snapshot.Orders, func(o readmodel.Order) bool {
			if !slices.Contains(ours, o.OrderID) {
				return true
			}
			buyers[readmodel.AllowanceKey(o.ConcertID, o.UserID)] = true
			return false
		})
		snapshot.Tickets = slices.DeleteFunc(snapshot.Tickets, func(x readmodel.Ticket) bool { return !slices.Contains(ours, x.OrderID) })
		snapshot.Allowances = slices.DeleteFunc(snapshot.Allowances, func(a readmodel.Allowance) bool { return !buyers[a.BuyerConcert] })
		snapshot.Effects = slices.DeleteFunc(snapshot.Effects, func(e invariants.Effect) bool { return !slices.Contains(ours, e.Order) })
		// Loaded groups and letters concern all orders, not only these.
		snapshot.Groups, snapshot.NotLoaded, snapshot.DeadLetters, snapshot.Dead = nil, nil, nil, 0
		problems := invariants.AtRest(snapshot)
		return len(problems) == 0, fmt.Sprint(problems)
	})
}

func TestOrderIsPaid(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	user := testbed.Named("anna")
	anna, seats := s.signedIn(t, user), s.takeSeats(t, 2)
	order := s.placePayable(t, anna, "key-1", seats...)
	if c := s.pay(t, order, "pm_card_visa"); c.Status != "requires_capture" {
		t.Fatalf("the card's result is %+v", c)
	}
	paid := s.waitEnded(t, anna, order.OrderID)
	wantStatus(t, paid, contracts.Confirmed)
	if got := timelineOf(paid); got != "QUEUED HELD AWAITING_PAYMENT COMMITTED CONFIRMED" {
		t.Errorf("timeline is %s", got)
	}
	if p := paid.Payment; p == nil || p.Card == nil || *p.Card != (apiclient.Card{Brand: "visa", Last4: "4242"}) || p.ClientSecret != "" || p.PublishableKey != "" {
		t.Errorf("payment %+v", paid.Payment)
	}
	if len(paid.Tickets) != 2 || paid.Tickets[0].ID == paid.Tickets[1].ID || !strings.Contains(paid.Tickets[0].SectionName, " ") {
		t.Errorf("tickets %+v", paid.Tickets)
	}
	eventually(t, decideWithin, func() (bool, string) {
		return s.shownState(t, seats[0]) == seatstate.Sold && s.shownState(t, seats[1]) == seatstate.Sold, "the seats are not shown as sold"
	})
	// DELETE does not cancel a paid order, and its seats are never sold again.
	answer, err := anna.Do(t.Context(), "DELETE", "/orders/"+order.OrderID, nil, nil)
	if err != nil || answer.Status != 409 || answer.Problem().Code != "order_paid" {
		t.Errorf("DELETE: %d %+v, %v", answer.Status, answer.Problem(), err)
	}
	ben := s.signedIn(t, testbed.Named("ben"))
	refused, err := ben.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats[:1]})
	if err != nil || refused.Status != 409 || refused.Problem().Code != "seat_taken" {
		t.Errorf("a sold seat: %d %+v, %v", refused.Status, refused.Problem(), err)
	}
	s.waitConsistent(t, order.OrderID)
}

// A declined card does not end the order: the buyer gets the reason, and can try another card until the hold ends.
func TestDeclinedCardCanBeReplaced(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	for card, code := range map[string]string{
		"pm_card_visa_chargeDeclined": "generic_decline", "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
	} {
		if c := s.pay(t, order, card); c.Code != code {
			t.Fatalf("the result of %s is %+v", card, c)
		}
	}
	declined := s.waitFor(t, anna, order.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Payment != nil && o.Payment.LastError != nil })
	if declined.Version <= order.Version || len(declined.Timeline) != len(order.Timeline) || declined.Payment.ClientSecret == "" {
		t.Errorf("the order is %+v", declined)
	}
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitConsistent(t, order.OrderID)
}

func TestChallengedCardPaysAfterApproval(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	refused := s.pay(t, order, "pm_card_threeDSecure2Required")
	if refused.Status != "requires_action" || refused.Page == "" {
		t.Fatalf("the card's result is %+v", refused)
	}
	if err := s.Answer(t.Context(), refused.Page, "fail"); err != nil {
		t.Fatal(err)
	}
	s.waitFor(t, anna, order.OrderID, decideWithin, func(o apiclient.Order) bool {
		return o.Payment != nil && o.Payment.LastError != nil && o.Payment.LastError.Code == "payment_intent_authentication_failure"
	})
	passed := s.pay(t, order, "pm_card_threeDSecure2Required")
	if err := s.Answer(t.Context(), passed.Page, "succeed"); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitConsistent(t, order.OrderID)
}

// A buyer who cancels, or lets the hold expire, is not charged, even if the card is confirmed at the last moment.
func TestOrderThatEndsDuringPaymentIsNotCharged(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	if s.HoldFor > maxHoldInTests {
		t.Skipf("holds last %s here; this test needs a stack with HOLD_SECONDS of at most %.0f", s.HoldFor, maxHoldInTests.Seconds())
	}
	anna, ids := s.signedIn(t, testbed.Named("anna")), []string{}
	for i := range 6 {
		order := s.placePayable(t, anna, fmt.Sprint("key-", i), s.takeSeats(t, 1)...)
		ids = append(ids, order.OrderID)
		var both sync.WaitGroup
		both.Go(func() { s.pay(t, order, "pm_card_visa") })
		both.Go(func() {
			if _, err := anna.Do(t.Context(), "DELETE", "/orders/"+order.OrderID, nil, nil); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
	}
	outcomes := map[contracts.Status]int{}
	for _, id := range ids {
		outcomes[s.waitEnded(t, anna, id).Status]++
	}
	if outcomes[contracts.Cancelled]+outcomes[contracts.Confirmed] != len(ids) {
		t.Errorf("orders ended %v", outcomes)
	}
	// One order is left unpaid, and paid after its hold has expired.
	late := s.placePayable(t, anna, "key-late", s.takeSeats(t, 1)...)
	ids = append(ids, late.OrderID)
	expired := s.waitEnded(t, anna, late.OrderID)
	wantStatus(t, expired, contracts.Expired)
	if expired.Payment != nil {
		t.Errorf("an order that has ended shows %+v", expired.Payment)
	}
	s.Confirm(t.Context(), late.Payment.ClientSecret, "pm_card_visa") //nolint:errcheck // the card is refused or voided, both are correct
	s.waitConsistent(t, ids...)
	t.Logf("cancelled while paying: %v", outcomes)
}

// The PaymentIntent of an order is cancelled at Stripe's dashboard, before or after a card. The order ends at once, with that
// reason, shows no payment form that could not succeed, and its seats become available.
func TestCancelledPaymentIntentEndsItsOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	var ids []string
	for i, card := range []string{"", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required"} {
		seats := s.takeSeats(t, 2)
		order := s.placePayable(t, anna, fmt.Sprint("key-", i), seats...)
		ids = append(ids, order.OrderID)
		if card != "" {
			s.pay(t, order, card)
		}
		row, _ := s.row(t, order.OrderID)
		if _, err := s.Merchant().PaymentIntents.Cancel(row.Payment.IntentID, nil); err != nil {
			t.Fatal(err)
		}
		ended := s.waitEnded(t, anna, order.OrderID)
		wantStatus(t, ended, contracts.Rejected)
		if ended.Reason == nil || ended.Reason.Code != contracts.ReasonPaymentRefused || ended.Reason.Detail == "" || ended.Payment != nil {
			t.Errorf("reason %+v, payment %+v", ended.Reason, ended.Payment)
		}
		if c := s.pay(t, order, "pm_card_visa"); c.Code != "payment_intent_unexpected_state" {
			t.Errorf("a payment after the end got %+v", c)
		}
		eventually(t, decideWithin, func() (bool, string) {
			return s.seatState(t, seats[0]) == seatstate.Free && s.seatState(t, seats[1]) == seatstate.Free, "the seats are still shown as taken"
		})
		ben := s.signedIn(t, testbed.Named("ben"))
		next := s.placePayable(t, ben, "key-1", seats...)
		s.pay(t, next, "pm_card_visa")
		wantStatus(t, s.waitEnded(t, ben, next.OrderID), contracts.Confirmed)
		s.waitConsistent(t, next.OrderID)
	}
	s.waitConsistent(t, ids...)
}
