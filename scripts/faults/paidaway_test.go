package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Redis is cut while buyers pay, cancel, and let their holds expire. Tickets and money do not wait for it: each card that was
// authorised in time gets its tickets while Redis is still unreachable, and the other authorisations are released. After the mend
// the seat map matches the rows.
func TestOrdersArePaidWithoutRedis(t *testing.T) {
	runInParallel(t, 75*time.Second)
	s := newStack(t, settings{hold: 25, links: []string{"redis"}})
	events := s.SubscribeFor(t)
	l, hall := &ledger{}, s.groupsOf(s.Concert)
	var buyers []*testBuyer
	var rows []readmodel.Order
	for i := range 8 {
		buyer := s.newBuyer(s.Concert, hall[i%6].Seats[2*(i/6):2*(i/6)+2]...)
		if i >= 6 { // in separate groups: in the others the sales wait for Redis
			buyer = s.newBuyer(s.Arena, s.groupsOf(s.Arena)[i].Seats[:2]...)
		}
		buyer.place(l)
		buyers = append(buyers, buyer)
	}
	for _, buyer := range buyers {
		rows = append(rows, s.waitAwaitingPayment(buyer.id))
		s.waitHandled(events, decideWithin, buyer.id)
	}
	paying, cancels, expires := buyers[:6], buyers[6], buyers[7]

	s.links["redis"].Cut()
	cut := time.Now()
	for _, row := range rows[:len(paying)] {
		if card, err := s.Confirm(t.Context(), row.Payment.ClientSecret, "pm_card_visa"); err != nil || card.Status != "requires_capture" {
			t.Fatalf("the card's result is %+v, %v", card, err)
		}
	}
	cancels.cancel()
	for _, buyer := range paying {
		s.waitForRow(buyer.id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.Confirmed })
	}
	confirmed := time.Since(cut)
	cancels.waitStatus(contracts.Cancelled)
	expires.waitStatus(contracts.Expired)
	for i, row := range rows[len(paying):] {
		eventually(t, decideWithin, func() error {
			intent, err := s.Merchant().PaymentIntents.Get(row.Payment.IntentID, nil)
			if err == nil && intent.Status != stripe.PaymentIntentStatusCanceled {
				err = fmt.Errorf("the PaymentIntent of order %d is %s", i, intent.Status)
			}
			return err
		})
	}
	away := time.Since(cut)

	if err := s.links["redis"].Mend(); err != nil {
		t.Fatal(err)
	}
	mended := time.Now()
	eventually(t, decideWithin, func() error { return s.checkRule("places") })
	shown := time.Since(mended)
	s.waitAtRest(l, events, s.HoldFor+decideWithin)
	report(t, "redis cut for %s while %d buyers paid, one cancelled and one let the hold expire: all paid orders CONFIRMED %s after the cut, the other two ended and voided, all while redis was unreachable; seats match rows %s after the mend",
		away.Round(time.Second), len(paying), confirmed.Round(time.Second), shown.Round(time.Second))
}
