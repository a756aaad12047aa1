package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Functions are killed where an order ends while it is being paid. First, a card is authorised and the order is cancelled before
// Stripe's event arrives: reserve dies at the void's send, then commit, which finds that the order has ended. Second, an
// authorisation is lost between commit and capture: mirror dies when it releases the seats. In both cases nothing stays
// authorised, nothing is charged, and the seats are free.
func TestCrashesWhenAnOrderEndsDuringPayment(t *testing.T) {
	runInParallel(t, 80*time.Second)
	s := newStack(t, settings{hold: 40, visibility: 3 * time.Second, calls: []string{"dynamodb", "sqs", "stripe"}, commands: true})
	events := s.SubscribeFor(t)
	k, l, hall := newKiller(s), &ledger{}, s.groupsOf(s.Concert)
	late, revoked := [][]kill{
		{before("commit", "dynamodb", "GetItem"), before("commit", "sqs", "SendMessageBatch")},
		{after("commit", "dynamodb", "GetItem"), after("commit", "sqs", "SendMessageBatch")},
	}, [][]kill{
		{before("mirror", "redis", "script restore")}, {after("mirror", "redis", "script restore")},
	}
	wanted := 0
	begun := time.Now()
	for i, kills := range late {
		buyer := s.newBuyer(s.Concert, hall[i].Seats[:2]...)
		buyer.place(l)
		secret := s.waitAwaitingPayment(buyer.id).Payment.ClientSecret
		s.waitEmpty("payments")
		s.postDouble("/double/deliveries", `{"hold":true}`)
		if card, err := s.Confirm(t.Context(), secret, "pm_card_visa"); err != nil || card.Status != "requires_capture" {
			t.Fatalf("the card's result is %+v, %v", card, err)
		}
		voids := kill{"reserve", "sqs", "SendMessageBatch", i > 0}
		k.aim(string(buyer.id), voids)
		buyer.cancel()
		buyer.waitStatus(contracts.Cancelled)
		eventually(t, decideWithin, func() error { return k.checkHappened(string(buyer.id)) })
		k.aim(string(buyer.id), kills...)
		s.postDouble("/double/deliveries/release", "{}")
		s.postDouble("/double/deliveries", "{}")
		eventually(t, decideWithin, func() error { return k.checkHappened(string(buyer.id)) })
		s.waitEmpty("orders", "authorizations", "payments")
		buyer.checkHistory(contracts.Held, contracts.Cancelled)
		wanted += 1 + len(kills)
	}
	for i, kills := range revoked {
		buyer := s.newBuyer(s.Concert, hall[len(late)+i].Seats[:2]...)
		buyer.place(l)
		secret := s.waitAwaitingPayment(buyer.id).Payment.ClientSecret
		s.postDouble("/double/faults", fmt.Sprintf(`{"method":"POST","path":"/capture$","order":%q,"kind":"error","status":429}`, buyer.id))
		if card, err := s.Confirm(t.Context(), secret, "pm_card_visa"); err != nil || card.Status != "requires_capture" {
			t.Fatalf("the card's result is %+v, %v", card, err)
		}
		row := s.waitForRow(buyer.id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.Committed })
		s.postDouble("/double/payment_intents/"+row.Payment.IntentID+"/lose", "{}")
		k.aim(string(buyer.id), kills...)
		if err := s.Double(t.Context(), http.MethodDelete, "/double/faults", "", nil); err != nil {
			t.Fatal(err)
		}
		s.waitForRow(buyer.id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.Revoked })
		eventually(t, decideWithin, func() error { return k.checkHappened(string(buyer.id)) })
		buyer.nextHolder(l) // another buyer holds the seats
		wanted += len(kills)
	}
	s.waitAtRest(l, events, s.HoldFor+decideWithin)
	if total := s.checkCrashes(k); total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	report(t, "%d kills where orders end while they are paid: at the void's send, at each call of commit for an ended order, and where mirror releases the seats of a revoked order; nothing was charged or stays authorised, the seats are free; %s in all",
		wanted, time.Since(begun).Round(time.Second))
}

// postDouble sends a request to the test API of the Stripe double.
func (s *stack) postDouble(path, body string) {
	s.t.Helper()
	if err := s.Double(context.WithoutCancel(s.t.Context()), http.MethodPost, path, body, nil); err != nil {
		s.t.Fatal(err)
	}
}
