package pay_test

import (
	"strings"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

var audit = message.AuditLedger{From: 1, To: 2_000_000, Run: 1}

// confirmed is the order at its end, paid.
func (w *world) confirmed() {
	w.t.Helper()
	w.committed()
	w.done(w.capture())
	w.is(contracts.Confirmed)
}

// forced gives the row any status, as no handler would.
func (w *world) forced(s contracts.Status) {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		o.Status = s
		o.Version++
		return o, nil
	})
}

// second is another PaymentIntent of the order, authorised or captured.
func (w *world) second(captured bool) {
	w.t.Helper()
	c := w.made("second", w.with(stripeevent.MetadataOrder, string(w.id)))
	if captured {
		if _, err := w.provider.Capture(w.t.Context(), "captured", c.ID); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) cancelled(id string) {
	w.t.Helper()
	if _, err := w.provider.Cancel(w.t.Context(), "elsewhere", id); err != nil {
		w.t.Fatal(err)
	}
}

// Each thing that can be wrong between Stripe and a row has its word, and what is on its way has none.
func TestEveryDifferenceOfTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*world)
		want string
	}{
		"an order that waits for its card":   {func(w *world) { w.awaiting() }, ""},
		"one that is authorised":             {func(w *world) { w.authorized() }, ""},
		"one that is committed":              {func(w *world) { w.committed() }, ""},
		"captured, and not yet confirmed":    {func(w *world) { w.confirmed(); w.forced(contracts.Committed) }, ""},
		"one that is confirmed":              {func(w *world) { w.confirmed() }, ""},
		"one that was given back":            {func(w *world) { w.authorized(); w.cancelOrder(); w.done(w.void()) }, ""},
		"refunded":                           {func(w *world) { w.confirmed(); w.forced(contracts.Refunded) }, ""},
		"committed, and gone":                {func(w *world) { w.cancelled(w.committed().ID) }, ""},
		"left behind by a lost answer":       {func(w *world) { w.foreignOf("left"); w.confirmed() }, ""},
		"left behind before the row has one": {func(w *world) { w.foreignOf("left") }, ""},
		"another environment's":              {func(w *world) { w.made("x", map[string]string{stripeevent.MetadataEnvironment: "live"}) }, ""},

		"no row":                          {func(w *world) { w.made("x", w.with(stripeevent.MetadataOrder, strings.Repeat("e", 32))) }, "no_row"},
		"no order id":                     {func(w *world) { w.made("x", w.with(stripeevent.MetadataOrder, "")) }, "no_row"},
		"captured, and expired":           {func(w *world) { w.confirmed(); w.forced(contracts.Expired) }, "charged_without_tickets"},
		"captured, and revoked":           {func(w *world) { w.confirmed(); w.forced(contracts.Revoked) }, "charged_without_tickets"},
		"captured before the commit":      {func(w *world) { w.confirmed(); w.forced(contracts.AwaitingPayment) }, "charged_without_tickets"},
		"charged twice":                   {func(w *world) { w.confirmed(); w.second(true) }, "charged_without_tickets"},
		"another amount":                  {func(w *world) { w.confirmed(); w.cheaper() }, "charged_another_amount"},
		"confirmed, and not charged":      {func(w *world) { w.committed(); w.forced(contracts.Confirmed) }, "tickets_without_charge"},
		"confirmed, and gone":             {func(w *world) { w.cancelled(w.committed().ID); w.forced(contracts.Confirmed) }, "tickets_without_charge"},
		"authorised, and ended":           {func(w *world) { w.authorized(); w.cancelOrder() }, "authorization_of_ended_order"},
		"a second one that is authorised": {func(w *world) { w.confirmed(); w.second(false) }, "authorization_of_ended_order"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.make(w)
			w.done(audit)
			told := strings.Count(w.log.String(), "ledger differs")
			if (c.want != "") != (told == 1) || !strings.Contains(w.log.String(), `"reason":"`+c.want) && told > 0 || w.metric(telemetry.LedgerDifferences) != (c.want != "") {
				t.Errorf("told %d times: %s%s", told, w.log.String(), w.metrics.String())
			}
			if told > 0 && !strings.Contains(w.log.String(), telemetry.KeyPaymentIntent) {
				t.Error("the PaymentIntent is not named")
			}
			if !strings.Contains(w.log.String(), "ledger compared") {
				t.Error("the end is not told")
			}
		})
	}
}

// foreignOf is a PaymentIntent of the order that nobody was shown.
func (w *world) foreignOf(key string) {
	w.t.Helper()
	params := pay.CreateParams{Amount: *w.row().Amount, Metadata: w.with(stripeevent.MetadataOrder, string(w.id))}
	if _, err := w.provider.Create(w.t.Context(), key, params); err != nil {
		w.t.Fatal(err)
	}
}

// cheaper makes the row's amount another.
func (w *world) cheaper() {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		amount := *o.Amount
		amount.Minor--
		o.Amount = &amount
		o.Version++
		return o, nil
	})
}

func TestAnAuditThatFailsComesAgain(t *testing.T) {
	for n, name := range []string{"intents", "read"} {
		w := newWorld(t)
		w.authorized()
		w.cancelOrder()
		w.calls, w.failAt = nil, n+1
		if o := w.handle(audit); o.Class != retry.ClassRetryable {
			t.Errorf("%s: %+v", name, o)
		}
		w.done(audit)
	}
}
