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

// auditLedger requests an audit of everything created at Stripe since then, and returns when it is done. In the pipeline the
// audited objects are older and at rest; so these tests are not parallel, and exclude what earlier tests did.
func (s *stack) auditLedger(t *testing.T, since contracts.Instant) {
	t.Helper()
	now := contracts.InstantOf(time.Now())
	m, err := message.Encode(message.AuditLedger{From: since, To: now.Add(time.Minute), Run: int64(now)}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(t, m)
	s.waitNoPaymentMessages(t)
}

// takeDifferences returns the reasons of the differences reported for a PaymentIntent, and deletes their records, because there
// must be none at the end of all tests.
func (s *stack) takeDifferences(t *testing.T, intent string) (words []string) {
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

// An order is paid by another PaymentIntent than its own, which any holder of its secret could still pay. The audit of the ledger
// finds it and cancels it, and reports nothing, because no money is wrong.
func TestLedgerAuditCancelsUnusedIntent(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	since := contracts.InstantOf(time.Now().Truncate(time.Second))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	row, _ := s.row(t, order.OrderID)
	paid := s.authorizeOther(t, row, func(*stripe.PaymentIntentParams) {})
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	s.waitIntentStatus(t, paid.ID, stripe.PaymentIntentStatusSucceeded)
	s.auditLedger(t, since)
	s.waitIntentStatus(t, row.Payment.IntentID, stripe.PaymentIntentStatusCanceled)
	for _, id := range []string{paid.ID, row.Payment.IntentID} {
		if words := s.takeDifferences(t, id); len(words) != 0 {
			t.Errorf("%s: %v", id, words)
		}
	}
	after, _ := s.row(t, order.OrderID)
	if after.Status != contracts.Confirmed || after.Payment.IntentID != paid.ID {
		t.Errorf("the order is %s by %s", after.Status, after.Payment.IntentID)
	}
	s.waitConsistent(t, order.OrderID)
}

// A refund made at Stripe's dashboard is reported once.
func TestLedgerAuditReportsDashboardRefund(t *testing.T) {
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	since := contracts.InstantOf(time.Now().Truncate(time.Second))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 2)...)
	s.pay(t, order, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, order.OrderID), contracts.Confirmed)
	row, _ := s.row(t, order.OrderID)
	s.auditLedger(t, since)
	if words := s.takeDifferences(t, row.Payment.IntentID); len(words) != 0 {
		t.Errorf("before: %v", words)
	}
	if _, err := s.Merchant().Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(row.Payment.IntentID), Amount: stripe.Int64(row.Amount.Minor / 2)}); err != nil {
		t.Fatal(err)
	}
	s.auditLedger(t, since)
	s.auditLedger(t, since)
	if words := fmt.Sprint(s.takeDifferences(t, row.Payment.IntentID)); words != "[refunded_otherwise]" {
		t.Errorf("reported %s", words)
	}
}
