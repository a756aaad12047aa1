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

// Functions are killed where an order ends against its payment. A card is good, and the order is cancelled before Stripe's word of
// it comes: reserve dies at the void's send, then commit, which finds the order over. An authorisation is lost between commit and
// capture: mirror dies when it gives the seats back. Nothing stays authorised, nothing is charged, and the seats are free.
func TestCrashesWhereAnOrderEndsAgainstItsPayment(t *testing.T) {
	sideBySide(t, 80*time.Second)
	s := newStack(t, settings{hold: 40, comesBack: 3 * time.Second, calls: []string{"dynamodb", "sqs", "stripe"}, commands: true})
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
		buyer := s.wanting(s.Concert, hall[i].Seats[:2]...)
		buyer.place(l)
		secret := s.awaiting(buyer.id).Payment.ClientSecret
		s.quiet("payments")
		s.double("/double/deliveries", `{"hold":true}`)
		if card, err := s.Confirm(t.Context(), secret, "pm_card_visa"); err != nil || card.Status != "requires_capture" {
			t.Fatalf("the card was answered %+v, %v", card, err)
		}
		voids := kill{"reserve", "sqs", "SendMessageBatch", i > 0}
		k.aim(string(buyer.id), voids)
		buyer.cancel()
		buyer.is(contracts.Cancelled)
		eventually(t, decideWithin, func() error { return k.spent(string(buyer.id)) })
		k.aim(string(buyer.id), kills...)
		s.double("/double/deliveries/release", "{}")
		s.double("/double/deliveries", "{}")
		eventually(t, decideWithin, func() error { return k.spent(string(buyer.id)) })
		s.quiet("orders", "authorizations", "payments")
		buyer.wentAs(contracts.Held, contracts.Cancelled)
		wanted += 1 + len(kills)
	}
	for i, kills := range revoked {
		buyer := s.wanting(s.Concert, hall[len(late)+i].Seats[:2]...)
		buyer.place(l)
		secret := s.awaiting(buyer.id).Payment.ClientSecret
		s.double("/double/faults", fmt.Sprintf(`{"method":"POST","path":"/capture$","order":%q,"kind":"error","status":429}`, buyer.id))
		if card, err := s.Confirm(t.Context(), secret, "pm_card_visa"); err != nil || card.Status != "requires_capture" {
			t.Fatalf("the card was answered %+v, %v", card, err)
		}
		row := s.row(buyer.id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.Committed })
		s.double("/double/payment_intents/"+row.Payment.IntentID+"/lose", "{}")
		k.aim(string(buyer.id), kills...)
		if err := s.Double(t.Context(), http.MethodDelete, "/double/faults", "", nil); err != nil {
			t.Fatal(err)
		}
		s.row(buyer.id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.Revoked })
		eventually(t, decideWithin, func() error { return k.spent(string(buyer.id)) })
		buyer.next(l) // somebody else holds the seats
		wanted += len(kills)
	}
	s.atRest(l, events, s.HoldFor+decideWithin)
	if total := s.crashesAre(k); total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	report(t, "%d kills where orders end against their payments: at the void's send, at each call of commit for an order that is over, and where mirror gives the seats of a revoked order back; nothing was charged or stays authorised, the seats are free; %s in all",
		wanted, time.Since(begun).Round(time.Second))
}

// double asks the stand-in for Stripe for a fault.
func (s *stack) double(path, body string) {
	s.t.Helper()
	if err := s.Double(context.WithoutCancel(s.t.Context()), http.MethodPost, path, body, nil); err != nil {
		s.t.Fatal(err)
	}
}
