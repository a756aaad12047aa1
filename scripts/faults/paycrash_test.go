package faults

import (
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// payCrashPoints are the points between two steps of the functions that handle a payment, and of mirror where it shows the sale,
// as in consumers/README.md. In each round one order is paid, and another, which awaits its payment, is cancelled. The test also
// fails if one of the calls is never made.
var payCrashPoints = []struct {
	// opened and voided happen in parallel, one kill each; paid is the way from the webhook to the capture. Two kills of one
	// function may meet one message; three would be poison. canceled are calls that name the PaymentIntent and not the order.
	opened, paid, voided, canceled []kill
}{
	{
		opened:   []kill{before("pay", "stripe", "POST payment_intents")},
		paid:     []kill{before("stripe-webhook", "sqs", "SendMessage"), before("commit", "dynamodb", "TransactWriteItems"), before("pay", "stripe", "POST payment_intents/capture")},
		voided:   []kill{before("reserve", "sqs", "SendMessageBatch")},
		canceled: []kill{before("pay", "stripe", "POST payment_intents/cancel")},
	}, {
		opened:   []kill{after("pay", "stripe", "POST payment_intents")},
		paid:     []kill{after("stripe-webhook", "sqs", "SendMessage"), after("commit", "dynamodb", "TransactWriteItems"), after("pay", "stripe", "POST payment_intents/capture")},
		voided:   []kill{after("reserve", "sqs", "SendMessageBatch")},
		canceled: []kill{after("pay", "stripe", "POST payment_intents/cancel")},
	}, {
		opened: []kill{before("pay", "dynamodb", "PutItem")},
		paid:   []kill{before("mirror", "redis", "script sell"), before("commit", "sqs", "SendMessageBatch"), before("pay", "dynamodb", "PutItem")},
	}, {
		opened: []kill{after("pay", "dynamodb", "PutItem")},
		paid:   []kill{after("mirror", "redis", "script sell"), after("commit", "sqs", "SendMessageBatch"), after("pay", "dynamodb", "PutItem")},
	}, {
		opened: []kill{before("pay", "dynamodb", "GetItem")},
		paid:   []kill{before("commit", "dynamodb", "GetItem"), before("pay", "dynamodb", "GetItem")},
		voided: []kill{before("pay", "dynamodb", "GetItem")},
	}, {
		opened: []kill{after("pay", "dynamodb", "GetItem")},
		paid:   []kill{after("commit", "dynamodb", "GetItem"), after("pay", "dynamodb", "GetItem")},
		voided: []kill{after("pay", "dynamodb", "GetItem")},
	},
}

// readsLast is the number of rounds at the end whose kills are at reads. They are equivalent to kills before or after a
// neighbouring step, so only the long form runs them.
const readsLast = 2

// A function is killed between each two of its steps with a payment. Each paid order is CONFIRMED and charged once, no cancelled
// order is charged, and nothing stays authorised.
func TestPaymentCrashesBetweenEachTwoSteps(t *testing.T) {
	runInParallel(t, 90*time.Second)
	s := newStack(t, settings{hold: 60, visibility: 5 * time.Second, calls: []string{"dynamodb", "sqs", "stripe"}, commands: true})
	events := s.SubscribeFor(t)
	k, l, hall, arena := newKiller(s), &ledger{}, s.groupsOf(s.Concert), s.groupsOf(s.Arena)
	rounds := payCrashPoints
	if !long() {
		rounds = rounds[:len(rounds)-readsLast]
	}
	var slowest time.Duration
	begun := time.Now()
	for i, c := range rounds {
		toCancel := s.newBuyer(s.Arena, arena[i].Seats[:2]...)
		toCancel.place(l)
		intent := s.waitAwaitingPayment(toCancel.id).Payment.IntentID
		s.waitEmpty("payments")
		k.aim(string(toCancel.id), c.voided...)
		k.aim(intent, c.canceled...)

		paying := s.newBuyer(s.Concert, hall[i].Seats[:2]...)
		k.aim(paying.user, c.opened...)
		paying.place(l)
		toCancel.cancel()
		eventually(t, decideWithin, func() error { return k.checkHappened(paying.user, string(paying.id), string(toCancel.id), intent) })
		toCancel.waitStatus(contracts.Cancelled)
		secret := s.waitAwaitingPayment(paying.id).Payment.ClientSecret
		s.waitEmpty("payments")

		k.aim(string(paying.id), c.paid...)
		if card, err := s.Confirm(t.Context(), secret, "pm_card_visa"); err != nil || card.Status != "requires_capture" {
			t.Fatalf("the card's result is %+v, %v", card, err)
		}
		clicked := time.Now()
		eventually(t, decideWithin, func() error { return k.checkHappened(string(paying.id)) })
		s.waitForRow(paying.id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.Confirmed })
		slowest = max(slowest, time.Since(clicked))
		s.waitEmpty("payments", "authorizations")
	}
	s.waitAtRest(l, events, s.HoldFor+decideWithin)

	total, wanted := s.checkCrashes(k), 0
	for _, c := range rounds {
		wanted += len(c.opened) + len(c.paid) + len(c.voided) + len(c.canceled)
	}
	if total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	captures := 0
	effects, err := s.Effects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range effects {
		if e.Kind == "captured" {
			captures++
		}
	}
	if captures != len(rounds) {
		t.Errorf("%d captures for %d paid orders", captures, len(rounds))
	}
	report(t, "%d kills, one at each point before and after each call of stripe-webhook, commit and pay, the sale of mirror and the void's send of reserve: %d orders CONFIRMED and charged once, the slowest %s after the card, %d cancelled and not charged; %s in all",
		total, len(rounds), slowest.Round(100*time.Millisecond), len(rounds), time.Since(begun).Round(time.Second))
}

// waitAwaitingPayment waits until an order can be paid.
func (s *stack) waitAwaitingPayment(id contracts.OrderID) readmodel.Order {
	s.t.Helper()
	return s.waitForRow(id, decideWithin, func(o readmodel.Order) bool { return o.Status == contracts.AwaitingPayment })
}

// waitEmpty waits until queues are empty.
func (s *stack) waitEmpty(queues ...string) {
	s.t.Helper()
	for _, queue := range queues {
		eventually(s.t, decideWithin, func() error { return s.checkEmpty(queue) })
	}
}
