package pay_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

// twoCancels is an expired order with two PaymentIntents, pi_1 of its row and pi_2, at a provider whose cancels fail by their keys.
type twoCancels struct {
	pay.Provider
	row      order.Order
	failures map[string]pay.Failure
	keys     []string
}

func newTwoCancels(t *testing.T, failures map[string]pay.Failure) *twoCancels {
	t.Helper()
	held := ordertest.HeldOrder(ordertest.Placed(contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}, "A-1-1"))
	awaiting, err := held.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: 1_000_600})
	if err != nil {
		t.Fatal(err)
	}
	expired, err := awaiting.Expire(order.Cause{Kind: message.KindExpireHold, At: 1_400_000})
	if err != nil {
		t.Fatal(err)
	}
	return &twoCancels{row: expired, failures: failures}
}

func (s *twoCancels) Read(context.Context, contracts.OrderID) (order.Order, bool, error) {
	return s.row, true, nil
}

func (s *twoCancels) Update(_ context.Context, before, after order.Order) error {
	if before.Version != s.row.Version {
		return retry.ErrMoved
	}
	s.row = after
	return nil
}

func (s *twoCancels) Withdraw(context.Context, order.Order, order.Order) error {
	return errors.New("a void withdraws no tickets")
}

func (s *twoCancels) Cancel(_ context.Context, key, id string) (stripeevent.Intent, error) {
	s.keys = append(s.keys, key)
	if failure, fails := s.failures[key]; fails {
		return stripeevent.Intent{}, &pay.ProviderError{Failure: failure, Code: "told", Err: errors.New("told")}
	}
	return stripeevent.Intent{ID: id, Status: pay.StatusCanceled}, nil
}

func (s *twoCancels) Retrieve(_ context.Context, id string) (stripeevent.Intent, error) {
	return stripeevent.Intent{ID: id, Status: pay.StatusRequiresCapture}, nil
}

func (s *twoCancels) void(t *testing.T) retry.Outcome {
	t.Helper()
	e, err := message.Encode(message.VoidPayment{
		OrderID: s.row.OrderID, ConcertID: s.row.ConcertID, Group: s.row.Group, RowVersion: s.row.Version, PaymentIntentID: "pi_2",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	h := pay.Pay{Orders: s, Provider: s, Environment: "test", Log: slog.New(slog.DiscardHandler), Now: time.Now}
	return retry.Classify(h.Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: 1}))
}

// A poisoned void would not be redelivered, and the other cancel would be lost.
func TestVoidIsRedeliveredIfEitherCancelMayStillSucceed(t *testing.T) {
	for _, c := range []struct {
		first, second pay.Failure
		class         retry.Class
	}{
		{pay.FailureBug, pay.FailureUnknown, retry.ClassRetryable},
		{pay.FailureUnknown, pay.FailureBug, retry.ClassRetryable},
		{pay.FailureUnknown, pay.FailureUnknown, retry.ClassRetryable},
		{pay.FailureBug, pay.FailureBug, retry.ClassPoison},
	} {
		s := newTwoCancels(t, map[string]pay.Failure{"void:pi_1:0": c.first, "void:pi_2:0": c.second})
		if o := s.void(t); o.Class != c.class {
			t.Errorf("failures %v and %v: %+v", c.first, c.second, o)
		}
		if want := []string{"void:pi_1:0", "void:pi_2:0"}; !slices.Equal(s.keys, want) {
			t.Errorf("failures %v and %v: keys %q, want %q", c.first, c.second, s.keys, want)
		}
	}
}

// Both cancels want the next key. The second one finds the row written by the first, so the step reads the row again.
func TestVoidOfTwoReplayedFailuresUsesTheNextKeyForBoth(t *testing.T) {
	s := newTwoCancels(t, map[string]pay.Failure{"void:pi_1:0": pay.FailureReplayed, "void:pi_2:0": pay.FailureReplayed})
	if o := s.void(t); o.Class != retry.ClassDone {
		t.Errorf("%+v", o)
	}
	want := []string{"void:pi_1:0", "void:pi_2:0", "void:pi_1:1", "void:pi_2:1"}
	if !slices.Equal(s.keys, want) {
		t.Errorf("keys %q, want %q", s.keys, want)
	}
}
