package commit_test

import (
	"errors"
	"slices"
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
	if !slices.Equal(w.places(seatstate.Sold), []int{0, 1}) || w.kinds() != "CapturePayment" {
		t.Errorf("sold %v, sent %s", w.places(seatstate.Sold), w.kinds())
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
			if done, err := w.rows.Update(t.Context(), w.row, other); !done || err != nil {
				t.Fatal(done, err)
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
			if status.Dead() && len(w.places(seatstate.Held)) > 0 {
				t.Errorf("places %v are still held", w.places(seatstate.Held))
			}
		})
	}
}

// Whatever does not fit the row pays for nothing: the order ends, its seats go back, and so does the money put aside.
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
		if len(w.places(seatstate.Held)) > 0 || w.kinds() != "VoidPayment" {
			t.Errorf("%s: held %v, sent %s", name, w.places(seatstate.Held), w.kinds())
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

// A crash after any call ends the same: the message comes again, and each step finds what is done.
func TestACrashAfterAnyCallEndsTheSame(t *testing.T) {
	for _, crash := range []string{"read", "commit", "commit reply", "layout", "sell", "sell reply", "send", "send reply"} {
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
		if row.Status != contracts.Committed || row.Version != 3 || len(w.tickets(t)) != 2 || !slices.Equal(w.places(seatstate.Sold), []int{0, 1}) || w.kinds() != "CapturePayment" {
			t.Errorf("after %s: row %s at %d, sold %v, sent %s", crash, row.Status, row.Version, w.places(seatstate.Sold), w.kinds())
		}
	}
	for _, crash := range []string{"read", "update", "update reply", "release", "release reply", "send", "send reply"} {
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
		if row := w.stored(t, w.row.OrderID); row.Status != contracts.Rejected || row.Version != 3 || len(w.places(seatstate.Held)) > 0 || w.kinds() != "VoidPayment" {
			t.Errorf("after %s: row %s at %d, held %v, sent %s", crash, row.Status, row.Version, w.places(seatstate.Held), w.kinds())
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
		if done, err := w.rows.Update(t.Context(), w.row, cancelled); !done || err != nil {
			t.Fatal(done, err)
		}
	}
	o := w.handle(t, authorized(w.row))
	if row := w.stored(t, w.row.OrderID); o.Class != retry.ClassRefused || row.Status != contracts.Cancelled || len(w.tickets(t)) > 0 || w.kinds() != "VoidPayment" {
		t.Errorf("outcome %+v, row %s, tickets %v, sent %s", o, row.Status, w.tickets(t), w.kinds())
	}
}

// A sale wins over another order's hold, and that order is told at once.
func TestWhomTheSaleDisplacesIsTold(t *testing.T) {
	w := newWorld(t)
	// Redis has lost the first order's hold, and offered a seat of it to another.
	w.holds.Wipe(group)
	if _, err := w.holds.Lock(t.Context(), group, 2, time.Minute); err != nil {
		t.Fatal(err)
	}
	w.load(t, 2)
	displaced := w.awaiting(t, "A-1-2", "A-1-3")
	if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassDone {
		t.Fatalf("outcome %+v", o)
	}
	if w.kinds() != "SettleOrder CapturePayment" {
		t.Fatalf("sent %s", w.kinds())
	}
	m, err := message.Decode(w.sent[0].Body)
	if settle := m.(message.SettleOrder); err != nil || settle.OrderID != displaced.OrderID || settle.Reason != contracts.ReasonSeatLost {
		t.Errorf("told %+v, %v", m, err)
	}
	if !slices.Equal(w.places(seatstate.Sold), []int{0, 1}) {
		t.Errorf("sold %v", w.places(seatstate.Sold))
	}
	// The other one pays as well: its seat has a ticket, so it is not charged.
	late := authorized(displaced)
	if o := w.handle(t, late); o.Class != retry.ClassRefused || w.stored(t, displaced.OrderID).Reason.Code != contracts.ReasonSeatLost {
		t.Errorf("outcome %+v, row %s", o, w.stored(t, displaced.OrderID).Status)
	}
}

// Redis shows a seat as sold to an order that was revoked meanwhile: its sale is taken back first. A sale whose ticket is
// there is never overwritten.
func TestAnothersSaleInTheWay(t *testing.T) {
	w := newWorld(t)
	w.holds.Wipe(group)
	if _, err := w.holds.Lock(t.Context(), group, 2, time.Minute); err != nil {
		t.Fatal(err)
	}
	revoked := w.awaitingUnheld(t, "A-1-2")
	revoked.Status = contracts.Revoked
	revoked.Version++
	if done, err := w.rows.Update(t.Context(), w.stored(t, revoked.OrderID), revoked); !done || err != nil {
		t.Fatal(done, err)
	}
	w.loadSold(t, 2, map[int]contracts.OrderID{1: revoked.OrderID})
	if o := w.handle(t, authorized(w.row)); o.Class != retry.ClassDone || !slices.Equal(w.places(seatstate.Sold), []int{0, 1}) {
		t.Errorf("outcome %+v, sold %v", o, w.places(seatstate.Sold))
	}
	if entry := w.holds.Inspect(group).Entries[1]; entry.Order != w.row.OrderID {
		t.Errorf("the seat is of %s", entry.Order)
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

// A second PaymentIntent of a paid order pays for nothing, and somebody has to look.
func TestASecondAuthorizationIsNotCaptured(t *testing.T) {
	w := newWorld(t)
	w.handle(t, authorized(w.row))
	w.sent = nil
	m := authorized(w.row)
	m.PaymentIntentID, m.EventID = "pi_2", "evt_2"
	if o := w.handle(t, m); o.Class != retry.ClassPoison || len(w.sent) > 0 {
		t.Errorf("outcome %+v, sent %s", o, w.kinds())
	}
}
