package e2e

import (
	"testing"

	"github.com/stripe/stripe-go/v76"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/scripts/internal/testbed"
)

// letterTrace is the trace id that marks the letter of a test.
const letterTrace = "e2e-letter"

// An authorisation is to be voided by a message that failed until SQS moved it to the dead-letter queue. It is voided
// nevertheless, and the letter is kept. No other message names the authorisation here, so nothing else voids it.
func TestDeadVoidPaymentIsStillCarriedOut(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	s.cancel(t, anna, order.OrderID)
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Cancelled)
	stray := s.authorizeOther(t, row, func(p *stripe.PaymentIntentParams) { p.Metadata[stripeevent.MetadataEnvironment] = "another" })
	s.waitNoPaymentMessages(t)
	s.waitIntentStatus(t, stray.ID, stripe.PaymentIntentStatusRequiresCapture)

	void, err := message.Encode(message.VoidPayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version + 1, PaymentIntentID: stray.ID,
	}, letterTrace)
	if err != nil {
		t.Fatal(err)
	}
	void.Queue = "payments-dead"
	s.enqueue(t, void)
	eventually(t, decideWithin, func() (bool, string) {
		s.reconcile(t)
		letters := s.keptLetters(t, row.OrderID)
		return len(letters) == 1 && letters[0].Kind == string(message.KindVoidPayment) && letters[0].Reason == "" && letters[0].Body == void.Body, "the letter is not kept"
	})
	s.waitIntentStatus(t, stray.ID, stripe.PaymentIntentStatusCanceled)
	s.waitConsistent(t, order.OrderID)
}
