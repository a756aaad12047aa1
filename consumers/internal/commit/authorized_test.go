package commit_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

func TestSeatsBecomeTheOrdersOwnAndThenTheMoneyIsAskedFor(t *testing.T) {
	w := newWorld(t)
	if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassDone {
		t.Fatalf("outcome %+v", o)
	}
	row := w.stored(t, w.row.OrderID)
	if row.Status != contracts.Committed || row.Version != 3 || row.Payment.IntentID != "pi_1" || row.Payment.ClientSecret != "" {
		t.Errorf("row %+v, %+v", row, row.Payment)
	}
	if got := w.tickets(t); len(got) != 2 || got["A-1-1"] != row.OrderID || got["A-1-2"] != row.OrderID {
		t.Errorf("tickets %v", got)
	}
	if w.kinds() != "CapturePayment" {
		t.Errorf("sent %s", w.kinds())
	}
	if m, err := message.Decode(w.sent[0].Body); err != nil || m.(message.CapturePayment).RowVersion != 3 {
		t.Errorf("sent %+v, %v", m, err)
	}
}

// Every status, with an authorisation that fits.
func TestAuthorizedInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			other := w.row
			other.Status, other.Version = status, 4
			if err := w.rows.Update(t.Context(), w.row, other); err != nil {
				t.Fatal(err)
			}
			if status.Paid() {
				for _, seat := range other.Seats {
					w.rows.PutTicket(group, seat, other.OrderID)
				}
			}
			outcome := w.handle(t, authorized(w.row))
			row := w.stored(t, w.row.OrderID)
			wantStatus, sent, class := status, "", retry.ClassDone
			switch {
			case status.Open():
				wantStatus, sent = contracts.Committed, "CapturePayment"
			case status == contracts.Committed:
				sent = "CapturePayment"
			case status.Dead():
				sent, class = "VoidPayment", retry.ClassRefused
			}
			if row.Status != wantStatus || w.kinds() != sent || outcome.Class != class {
				t.Errorf("row %s, sent %q, outcome %+v; want %s, %q, %s", row.Status, w.kinds(), outcome, wantStatus, sent, class)
			}
			if status.Dead() {
				if v, err := message.Decode(w.sent[0].Body); err != nil || v.(message.VoidPayment).PaymentIntentID != "pi_1" || v.(message.VoidPayment).RowVersion != 4 {
					t.Errorf("void %+v, %v", v, err)
				}
			}
		})
	}
}

// Whatever does not fit the row pays for nothing: the order ends, which mirror shows, and the money put aside goes back.
func TestWhatDoesNotFitIsGivenBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *message.PaymentAuthorized)
		status contracts.Status
		reason contracts.Reason
	}{
		"a smaller amount":         {func(_ *world, m *message.PaymentAuthorized) { m.Amount.Minor-- }, contracts.Rejected, contracts.ReasonPaymentMismatch},
		"a larger amount":          {func(_ *world, m *message.PaymentAuthorized) { m.Amount.Minor++ }, contracts.Rejected, contracts.ReasonPaymentMismatch},
		"another currency":         {func(_ *world, m *message.PaymentAuthorized) { m.Amount.Currency = "USD" }, contracts.Rejected, contracts.ReasonPaymentMismatch},
		"money that does not move": {func(_ *world, m *message.PaymentAuthorized) { m.Mode = message.ModeLive }, contracts.Rejected, contracts.ReasonPaymentMismatch},
		"another group":            {func(_ *world, m *message.PaymentAuthorized) { m.Group = "B" }, contracts.Rejected, contracts.ReasonPaymentMismatch},
		"after D + 45 s": {func(w *world, _ *message.PaymentAuthorized) {
			w.now = w.row.HoldExpiresAt.Add(seatstate.CommitUntil) + 1
		}, contracts.Expired, ""},
		"a seat that is another's": {func(w *world, _ *message.PaymentAuthorized) { w.rows.PutTicket(group, "A-1-2", "other") }, contracts.Rejected, contracts.ReasonSeatLost},
	} {
		w := newWorld(t)
		m := authorized(w.row)
		c.change(w, &m)
		outcome := w.handle(t, m)
		row := w.stored(t, w.row.OrderID)
		if outcome.Class != retry.ClassRefused || row.Status != c.status || row.Reason != nil && row.Reason.Code != c.reason || (row.Reason == nil) != (c.reason == "") {
			t.Errorf("%s: %+v, row %s, reason %+v", name, outcome, row.Status, row.Reason)
		}
		if c.reason == contracts.ReasonSeatLost && !slices.Equal(row.Reason.Seats, []string{"A-1-2"}) {
			t.Errorf("%s: lost %v", name, row.Reason.Seats)
		}
		if w.kinds() != "VoidPayment" {
			t.Errorf("%s: sent %s", name, w.kinds())
		}
		if v, err := message.Decode(w.sent[0].Body); err != nil || v.(message.VoidPayment).PaymentIntentID != "pi_1" {
			t.Errorf("%s: void %+v, %v", name, v, err)
		}
		if tickets := w.tickets(t); tickets["A-1-1"] != "" {
			t.Errorf("%s: tickets %v", name, tickets)
		}
	}
}

// At D + 45 s the money is still good.
func TestTheLastMomentCounts(t *testing.T) {
	w := newWorld(t)
	w.now = w.row.HoldExpiresAt.Add(seatstate.CommitUntil)
	if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassDone || w.stored(t, w.row.OrderID).Status != contracts.Committed {
		t.Errorf("outcome %+v, row %s", o, w.stored(t, w.row.OrderID).Status)
	}
}

// A queue that takes nothing does not hold up the buyers behind an order that is decided: its next step is left to reconcile, and
// to the ledger check.
func TestAStepThatCannotBeSentIsLeftBehind(t *testing.T) {
	for name, spoil := range map[string]func(m *message.PaymentAuthorized){
		"captured later": func(*message.PaymentAuthorized) {},
		"voided later":   func(m *message.PaymentAuthorized) { m.Amount.Minor-- },
	} {
		w := newWorld(t)
		m := authorized(w.row)
		spoil(&m)
		e, err := message.Encode(m, "")
		if err != nil {
			t.Fatal(err)
		}
		sent := w.now
		for _, late := range []time.Duration{0, 9999 * time.Millisecond, 10 * time.Second, time.Hour} {
			w.now, w.fail = sent.Add(late), "send"
			o := retry.Classify(w.dispatcher().Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body, SentAt: sent}))
			if returned := o.Class == retry.ClassRetryable; returned != (late < 10*time.Second) {
				t.Errorf("%s, %s after it was sent: %+v", name, late, o)
			}
		}
		if row := w.stored(t, w.row.OrderID); row.Status.Open() || row.Version != 3 || len(w.sent) != 0 {
			t.Errorf("%s: row %s at %d, sent %s", name, row.Status, row.Version, w.kinds())
		}
	}
}

// A crash after any call ends the same: the message comes again, and each step finds what is done.
func TestACrashAfterAnyCallEndsTheSame(t *testing.T) {
	for _, crash := range []string{"read", "commit", "commit reply", "send", "send reply"} {
		w := newWorld(t)
		w.fail = crash
		if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassRetryable || !errors.Is(o.Err, errDown) {
			t.Errorf("%s: outcome %+v", crash, o)
		}
		w.now = w.now.Add(12 * time.Second)
		if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassDone {
			t.Errorf("after %s: outcome %+v", crash, o)
		}
		row := w.stored(t, w.row.OrderID)
		if row.Status != contracts.Committed || row.Version != 3 || len(w.tickets(t)) != 2 || w.kinds() != "CapturePayment" {
			t.Errorf("after %s: row %s at %d, sent %s", crash, row.Status, row.Version, w.kinds())
		}
	}
	for _, crash := range []string{"read", "update", "update reply", "send", "send reply"} {
		w := newWorld(t)
		m := authorized(w.row)
		m.Amount.Minor--
		w.fail = crash
		if o := w.handle(t, m); o.Class != retry.ClassRetryable {
			t.Errorf("%s: outcome %+v", crash, o)
		}
		if o := w.handle(t, m); o.Class != retry.ClassRefused {
			t.Errorf("after %s: outcome %+v", crash, o)
		}
		if row := w.stored(t, w.row.OrderID); row.Status != contracts.Rejected || row.Version != 3 || w.kinds() != "VoidPayment" {
			t.Errorf("after %s: row %s at %d, sent %s", crash, row.Status, row.Version, w.kinds())
		}
	}
}

// The row may end between the read and the transaction: what is then there decides.
func TestAnOrderThatEndsMeanwhileIsNotCommitted(t *testing.T) {
	w := newWorld(t)
	w.before = func() {
		cancelled, err := w.row.Cancel(order.Cause{Kind: message.KindCancelOrder, At: w.now})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.rows.Update(t.Context(), w.row, cancelled); err != nil {
			t.Fatal(err)
		}
	}
	o := w.handle(t, authorized(w.row))
	if row := w.stored(t, w.row.OrderID); o.Class != retry.ClassRefused || row.Status != contracts.Cancelled || len(w.tickets(t)) > 0 || w.kinds() != "VoidPayment" {
		t.Errorf("outcome %+v, row %s, tickets %v, sent %s", o, row.Status, w.tickets(t), w.kinds())
	}
}

func TestAPaymentOfNoOrderStopsNobody(t *testing.T) {
	w := newWorld(t)
	m := authorized(w.row)
	m.OrderID = "e1000000000000000000000000999999"
	if o := w.handle(t, m); o.Class != retry.ClassPoison || o.Reason != "no_row" {
		t.Errorf("outcome %+v", o)
	}
	if o := w.handle(t, message.OpenPayment{OrderID: w.row.OrderID, ConcertID: "nocturne", Group: "A", RowVersion: 1}); o.Class != retry.ClassPoison {
		t.Errorf("a message of another queue: %+v", o)
	}
}

// A second PaymentIntent of a paid order pays for nothing: its money goes back, the order's own is left alone, and somebody is
// told. It is no dead letter, which would keep the money for days.
func TestASecondAuthorizationIsGivenBack(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		w := newWorld(t)
		w.handle(t, authorized(w.row))
		if status == contracts.Confirmed {
			row := w.stored(t, w.row.OrderID)
			confirmed, err := row.Confirm(order.Cause{Kind: message.KindCapturePayment, At: w.now})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.rows.Update(t.Context(), row, confirmed); err != nil {
				t.Fatal(err)
			}
		}
		before := w.stored(t, w.row.OrderID)
		m := authorized(w.row)
		m.PaymentIntentID, m.EventID = "pi_2", "evt_2"
		for _, lost := range []string{"send", "send reply", ""} {
			w.sent, w.fail = nil, lost
			o := w.handle(t, m)
			if want := map[bool]retry.Class{true: retry.ClassRefused, false: retry.ClassRetryable}[lost == ""]; o.Class != want {
				t.Errorf("%s, losing %q: outcome %+v", status, lost, o)
			}
		}
		if v, err := message.Decode(w.sent[0].Body); len(w.sent) != 1 || err != nil || v.(message.VoidPayment).PaymentIntentID != "pi_2" {
			t.Errorf("%s: sent %+v, %v", status, w.sent, err)
		}
		if row := w.stored(t, w.row.OrderID); row.Version != before.Version || len(w.tickets(t)) != 2 {
			t.Errorf("%s: row at version %d, tickets %v", status, row.Version, w.tickets(t))
		}
		if !w.alarmed() || !strings.Contains(w.log.String(), `"level":"ERROR"`) || !strings.Contains(w.log.String(), "pi_2") {
			t.Errorf("%s: metrics %s, log %s", status, w.metrics.String(), w.log.String())
		}
	}
}

// Where it is not known what pays an order, no authorisation is given back: this one may be it.
func TestAPaidOrderWithoutAPaymentIntentIsNotVoided(t *testing.T) {
	w := newWorld(t)
	broken := w.row
	broken.Status, broken.Version, broken.Payment = contracts.Committed, 3, nil
	if err := w.rows.Update(t.Context(), w.row, broken); err != nil {
		t.Fatal(err)
	}
	if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassPoison || len(w.sent) > 0 {
		t.Errorf("outcome %+v, sent %s", o, w.kinds())
	}
}
