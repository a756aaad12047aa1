package e2e

import (
	"testing"

	"github.com/stripe/stripe-go/v76"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/scripts/internal/testbed"
)

// letterTrace is the trace of a letter that a test makes.
const letterTrace = "e2e-letter"

// An authorisation that was to be given back, by a message that failed until SQS moved it, is given back all the same, and the
// letter is kept. Here no other message names the authorisation, so that nothing else gives it back.
func TestALetterLeadsToAVoid(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	s.cancel(t, anna, order.OrderID)
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Cancelled)
	stray := s.another(t, row, func(p *stripe.PaymentIntentParams) { p.Metadata[stripeevent.MetadataEnvironment] = "another" })
	s.nothingLeft(t)
	s.intentIs(t, stray.ID, stripe.PaymentIntentStatusRequiresCapture)

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
		letters := s.drained(t, row.OrderID)
		return len(letters) == 1 && letters[0].Kind == string(message.KindVoidPayment) && letters[0].Reason == "" && letters[0].Body == void.Body, "the letter is not kept"
	})
	s.intentIs(t, stray.ID, stripe.PaymentIntentStatusCanceled)
	s.agrees(t, order.OrderID)
}
