package commit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

func TestAnAuthorizedOrderOwnsItsSeatsAndIsCaptured(t *testing.T) {
	w := newFixture(t)
	world.WantDone(t, w.handle(t, w.authorized(), 0))
	row := w.WantRow(t, w.row.OrderID, contracts.Committed, 3)
	if row.Payment.IntentID != "pi_1" || row.Payment.ClientSecret != "" {
		t.Errorf("paid by %s, with the client secret %q; want pi_1 and none", row.Payment.IntentID, row.Payment.ClientSecret)
	}
	w.WantTickets(t, group, row.OrderID, "A-1-1", "A-1-2")
	w.WantSent(t, message.KindCapturePayment)
	if m := world.SentMessage[message.CapturePayment](t, w.World, 0); m.RowVersion != 3 {
		t.Errorf("CapturePayment is of version %d, want 3", m.RowVersion)
	}
}

// Every status, with an authorisation that fits.
func TestAuthorizedInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			other := w.row
			other.Status, other.Version = status, 4
			w.becomes(t, w.row, other)
			if status.Paid() {
				for _, seat := range other.Seats {
					w.Rows.PutTicket(group, seat, other.OrderID)
				}
			}
			err := w.handle(t, w.authorized(), 0)
			switch {
			case status.Open():
				world.WantDone(t, err)
				w.WantRow(t, w.row.OrderID, contracts.Committed, 5)
				w.WantSent(t, message.KindCapturePayment)
			case status == contracts.Committed:
				world.WantDone(t, err)
				w.WantRow(t, w.row.OrderID, status, 4)
				w.WantSent(t, message.KindCapturePayment)
			case status.Dead():
				world.WantOutcome(t, err, retry.ClassRefused, "order_over")
				w.WantRow(t, w.row.OrderID, status, 4)
				w.WantSent(t, message.KindVoidPayment)
				void := world.SentMessage[message.VoidPayment](t, w.World, 0)
				if void.PaymentIntentID != "pi_1" || void.RowVersion != 4 {
					t.Errorf("VoidPayment of %s at version %d, want pi_1 at 4", void.PaymentIntentID, void.RowVersion)
				}
			default:
				world.WantDone(t, err)
				w.WantRow(t, w.row.OrderID, status, 4)
				w.WantSent(t)
			}
		})
	}
}

// An authorisation that does not fit the row pays for nothing: the order ends, which mirror shows, and the money that was put
// aside is given back.
func TestWhatDoesNotFitIsGivenBack(t *testing.T) {
	const mismatch = contracts.ReasonPaymentMismatch
	for name, c := range map[string]struct {
		change func(fixture, *message.PaymentAuthorized)
		status contracts.Status
		reason contracts.Reason
		lost   []string
	}{
		"a smaller amount": {func(_ fixture, m *message.PaymentAuthorized) { m.Amount.Minor-- }, contracts.Rejected, mismatch, nil},
		"a larger amount":  {func(_ fixture, m *message.PaymentAuthorized) { m.Amount.Minor++ }, contracts.Rejected, mismatch, nil},
		"another currency": {func(_ fixture, m *message.PaymentAuthorized) {
			m.Amount.Currency = "USD"
		}, contracts.Rejected, mismatch, nil},
		"money of live mode": {func(_ fixture, m *message.PaymentAuthorized) {
			m.Mode = message.ModeLive
		}, contracts.Rejected, mismatch, nil},
		"another group": {func(_ fixture, m *message.PaymentAuthorized) { m.Group = "B" }, contracts.Rejected, mismatch, nil},
		"after D + 45 s": {func(w fixture, _ *message.PaymentAuthorized) {
			w.SetTime(w.row.HoldExpiresAt.Add(seatstate.CommitUntil) + 1)
		}, contracts.Expired, "", nil},
		"a seat of another order": {func(w fixture, _ *message.PaymentAuthorized) {
			w.Rows.PutTicket(group, "A-1-2", "other")
		}, contracts.Rejected, contracts.ReasonSeatLost, []string{"A-1-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			m := w.authorized()
			c.change(w, &m)
			world.WantOutcome(t, w.handle(t, m, 0), retry.ClassRefused, "order_over")
			w.WantRow(t, w.row.OrderID, c.status, 3)
			w.WantReason(t, w.row.OrderID, c.reason, c.lost...)
			w.WantSent(t, message.KindVoidPayment)
			if void := world.SentMessage[message.VoidPayment](t, w.World, 0); void.PaymentIntentID != "pi_1" {
				t.Errorf("VoidPayment of %s, want pi_1", void.PaymentIntentID)
			}
			w.WantTickets(t, group, w.row.OrderID)
		})
	}
}

// At D + 45 s the money is still good.
func TestTheLastMomentCounts(t *testing.T) {
	w := newFixture(t)
	w.SetTime(w.row.HoldExpiresAt.Add(seatstate.CommitUntil))
	world.WantDone(t, w.handle(t, w.authorized(), 0))
	w.WantRow(t, w.row.OrderID, contracts.Committed, 3)
}

// A queue that takes nothing does not hold up the buyers behind an order that is decided: its next step is left to reconcile, and
// to the ledger check.
func TestAStepThatCannotBeSentIsLeftBehind(t *testing.T) {
	for name, spoil := range map[string]func(m *message.PaymentAuthorized){
		"captured later": func(*message.PaymentAuthorized) {},
		"voided later":   func(m *message.PaymentAuthorized) { m.Amount.Minor-- },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			m := w.authorized()
			spoil(&m)
			w.Down(world.ErrDown, world.Send)
			sent := w.Instant()
			for _, later := range []time.Duration{0, 9999 * time.Millisecond, 10 * time.Second, time.Hour} {
				w.SetTime(sent.Add(later))
				returned := retry.Classify(w.handle(t, m, sent)).Class == retry.ClassRetryable
				if returned != (later < 10*time.Second) {
					t.Errorf("%s after it was sent, it is redelivered: %v", later, returned)
				}
			}
			if row := w.Row(t, w.row.OrderID); row.Status.Open() || row.Version != 3 {
				t.Errorf("the row is %s at version %d, want it decided at 3", row.Status, row.Version)
			}
			w.WantSent(t)
		})
	}
}

// A failure of any call ends the same: the message is redelivered, and each step finds what is done.
func TestACrashAfterAnyCallEndsTheSame(t *testing.T) {
	for _, fault := range []world.Fault{
		world.Fails(world.Read), world.Fails(world.Commit), world.LosesAnswer(world.Commit), world.CrashesAfter(world.Commit),
		world.Fails(world.Send), world.LosesAnswer(world.Send), world.CrashesAfter(world.Send),
	} {
		t.Run("captured, "+fault.String(), func(t *testing.T) {
			w := newFixture(t)
			w.Inject(fault)
			o := world.WantRetryable(t, w.handle(t, w.authorized(), 0))
			if !errors.Is(o.Err, world.ErrDown) && !errors.Is(o.Err, world.ErrCrashed) {
				t.Errorf("the cause is lost: %v", o.Err)
			}
			w.Restart()
			w.Advance(12 * time.Second)
			world.WantDone(t, w.handle(t, w.authorized(), 0))
			w.WantRow(t, w.row.OrderID, contracts.Committed, 3)
			w.WantTickets(t, group, w.row.OrderID, "A-1-1", "A-1-2")
			w.wantSentOnly(t, message.KindCapturePayment)
		})
	}
	for _, fault := range []world.Fault{
		world.Fails(world.Read), world.Fails(world.Update), world.LosesAnswer(world.Update), world.CrashesAfter(world.Update),
		world.Fails(world.Send), world.LosesAnswer(world.Send),
	} {
		t.Run("voided, "+fault.String(), func(t *testing.T) {
			w := newFixture(t)
			m := w.authorized()
			m.Amount.Minor--
			w.Inject(fault)
			world.WantRetryable(t, w.handle(t, m, 0))
			w.Restart()
			world.WantOutcome(t, w.handle(t, m, 0), retry.ClassRefused, "order_over")
			w.WantRow(t, w.row.OrderID, contracts.Rejected, 3)
			w.wantSentOnly(t, message.KindVoidPayment)
		})
	}
}

// The row ends between the read and the transaction: the handler acts by what is there then.
func TestAnOrderThatEndsMeanwhileIsNotCommitted(t *testing.T) {
	w := newFixture(t)
	w.Meanwhile(world.Commit, func() {
		cancelled, err := w.row.Cancel(order.Cause{Kind: message.KindCancelOrder, At: w.Instant()})
		if err != nil {
			t.Fatal(err)
		}
		w.becomes(t, w.row, cancelled)
	})
	world.WantOutcome(t, w.handle(t, w.authorized(), 0), retry.ClassRefused, "order_over")
	w.WantRow(t, w.row.OrderID, contracts.Cancelled, 3)
	w.WantTickets(t, group, w.row.OrderID)
	w.WantSent(t, message.KindVoidPayment)
}

func TestAPaymentWithoutARowIsPoison(t *testing.T) {
	w := newFixture(t)
	m := w.authorized()
	m.OrderID = "e1000000000000000000000000999999"
	world.WantOutcome(t, w.handle(t, m, 0), retry.ClassPoison, "no_row")
	open := message.OpenPayment{OrderID: w.row.OrderID, ConcertID: "nocturne", Group: "A", RowVersion: 1}
	world.WantOutcome(t, w.handle(t, open, 0), retry.ClassPoison, "misrouted")
}

// A second PaymentIntent of a paid order pays for nothing: its money is given back, the order's own is left alone, and an alarm
// reports it. It is no dead letter, which would keep the money for days.
func TestASecondAuthorizationIsGivenBack(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			world.WantDone(t, w.handle(t, w.authorized(), 0))
			before := w.Row(t, w.row.OrderID)
			if status == contracts.Confirmed {
				confirmed, err := before.Confirm(order.Cause{Kind: message.KindCapturePayment, At: w.Instant()})
				if err != nil {
					t.Fatal(err)
				}
				w.becomes(t, before, confirmed)
				before = confirmed
			}
			m := w.authorized()
			m.PaymentIntentID, m.EventID = "pi_2", "evt_2"
			for _, fault := range []world.Fault{world.Fails(world.Send), world.LosesAnswer(world.Send)} {
				w.Inject(fault)
				world.WantRetryable(t, w.handle(t, m, 0))
			}
			w.ForgetSent()
			world.WantOutcome(t, w.handle(t, m, 0), retry.ClassRefused, "second_authorization")
			w.WantSent(t, message.KindVoidPayment)
			if void := world.SentMessage[message.VoidPayment](t, w.World, 0); void.PaymentIntentID != "pi_2" {
				t.Errorf("VoidPayment of %s, want pi_2", void.PaymentIntentID)
			}
			w.WantRow(t, w.row.OrderID, status, before.Version)
			w.WantTickets(t, group, w.row.OrderID, "A-1-1", "A-1-2")
			w.WantAlarm(t, true)
			if log := w.Logs.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "pi_2") {
				t.Errorf("the log has no error of pi_2: %s", log)
			}
		})
	}
}

// Where it is not known what pays an order, no authorisation is given back: this one may be it.
func TestAPaidOrderWithoutAPaymentIntentIsNotVoided(t *testing.T) {
	w := newFixture(t)
	broken := w.row
	broken.Status, broken.Version, broken.Payment = contracts.Committed, 3, nil
	w.becomes(t, w.row, broken)
	world.WantOutcome(t, w.handle(t, w.authorized(), 0), retry.ClassPoison, "paid_by_nothing")
	w.WantSent(t)
}
