package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stripe/stripe-go/v76"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/scripts/internal/testbed"
)

// audit asks for a look at what was made at Stripe since then, and returns when it is done. In the pipeline what is looked at
// is older, and has come to rest: the tests here are not parallel, and what was before them is not looked at.
func (s *stack) audit(t *testing.T, since contracts.Instant) {
	t.Helper()
	now := contracts.InstantOf(time.Now())
	m, err := message.Encode(message.AuditLedger{From: since, To: now.Add(time.Minute), Run: int64(now)}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(t, m)
	s.nothingLeft(t)
}

// differences are the words of what was reported about a PaymentIntent. Their notes are gone afterwards, since at the end of
// all tests there is to be none.
func (s *stack) differences(t *testing.T, intent string) (words []string) {
	t.Helper()
	letters, err := s.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		if !strings.HasPrefix(l.MessageKey, "difference#"+intent+"#") {
			continue
		}
		words = append(words, l.Reason)
		if _, err := s.Dynamo.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: aws.String(s.Table("deadletters")), Key: map[string]types.AttributeValue{"messageKey": &types.AttributeValueMemberS{Value: l.MessageKey}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return words
}

// An order is paid by another PaymentIntent than its own, which anybody could still pay who was shown its secret: the check of
// the ledger finds it and has it cancelled, and reports nothing, since no money is wrong.
func TestTheLedgerCheckEndsWhatPaysNothing(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	since := contracts.InstantOf(time.Now().Truncate(time.Second))
	order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	paid := s.another(t, row, func(*stripe.PaymentIntentParams) {})
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Confirmed)
	s.intentIs(t, paid.ID, stripe.PaymentIntentStatusSucceeded)
	s.audit(t, since)
	s.intentIs(t, row.Payment.IntentID, stripe.PaymentIntentStatusCanceled)
	for _, id := range []string{paid.ID, row.Payment.IntentID} {
		if words := s.differences(t, id); len(words) != 0 {
			t.Errorf("%s: %v", id, words)
		}
	}
	after, _ := s.row(t, order.OrderID)
	if after.Status != contracts.Confirmed || after.Payment.IntentID != paid.ID {
		t.Errorf("the order is %s by %s", after.Status, after.Payment.IntentID)
	}
	s.agrees(t, order.OrderID)
}

// Money that is given back at the dashboard is reported, once.
func TestTheLedgerCheckReportsARefundOfTheDashboard(t *testing.T) {
	s := theStack(t)
	anna := s.as(t, testbed.Named("anna"))
	since := contracts.InstantOf(time.Now().Truncate(time.Second))
	order := s.awaiting(t, anna, "key-1", s.seats(t, 2)...)
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, order.OrderID), contracts.Confirmed)
	row, _ := s.row(t, order.OrderID)
	s.audit(t, since)
	if words := s.differences(t, row.Payment.IntentID); len(words) != 0 {
		t.Errorf("before: %v", words)
	}
	if _, err := s.Merchant().Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(row.Payment.IntentID), Amount: stripe.Int64(row.Amount.Minor / 2)}); err != nil {
		t.Fatal(err)
	}
	s.audit(t, since)
	s.audit(t, since)
	if words := fmt.Sprint(s.differences(t, row.Payment.IntentID)); words != "[refunded_otherwise]" {
		t.Errorf("reported %s", words)
	}
}
