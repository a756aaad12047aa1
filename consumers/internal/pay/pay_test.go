package pay_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

func (w *world) pay() pay.Pay {
	now := func() time.Time { return w.now.Time() }
	return pay.Pay{
		Orders: w, Books: w, Notes: w, Provider: w, Sender: w, Pace: w, Environment: environment, Now: now,
		Log: slog.New(slog.NewJSONHandler(&w.log, nil)), Meter: telemetry.NewMeter(&w.metrics, "pay", now),
	}
}

func (w *world) handle(m message.Message) retry.Outcome {
	w.t.Helper()
	e, err := message.Encode(m, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return retry.Classify(w.pay().Handle(w.t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: 1}))
}

// tries is more than any message needs that fails as often as these tests let it.
const tries = 12

// settle handles a message as often as it comes back.
func (w *world) settle(m message.Message) retry.Outcome {
	w.t.Helper()
	for range tries {
		if o := w.handle(m); o.Class != retry.ClassRetryable {
			return o
		}
	}
	w.t.Fatalf("%s came back %d times: %v", m.Kind(), tries, w.calls)
	return retry.Outcome{}
}

// done wants a message to be done.
func (w *world) done(m message.Message) {
	w.t.Helper()
	if o := w.settle(m); o.Class != retry.ClassDone {
		w.t.Fatalf("%s: %+v", m.Kind(), o)
	}
}

func (w *world) row() order.Order {
	w.t.Helper()
	o, found, err := w.rows.Read(w.t.Context(), w.id)
	if err != nil || !found {
		w.t.Fatalf("row: %v, %v", found, err)
	}
	return o
}

// is wants a status of the row.
func (w *world) is(want contracts.Status) order.Order {
	w.t.Helper()
	row := w.row()
	if row.Status != want {
		w.t.Errorf("row is %s, want %s", row.Status, want)
	}
	return row
}

// become writes the next version of the row as another handler would.
func (w *world) become(next func(order.Order, order.Cause) (order.Order, error)) {
	w.t.Helper()
	row := w.row()
	after, err := next(row, order.Cause{Kind: message.KindCancelOrder, At: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	if row.Status.Open() && after.Status == contracts.Committed {
		err = w.rows.Commit(w.t.Context(), row, after)
	} else {
		err = w.rows.Update(w.t.Context(), row, after)
	}
	if err != nil {
		w.t.Fatalf("row %s: %v", after.Status, err)
	}
}

func (w *world) cancelOrder() { w.t.Helper(); w.become(order.Order.Cancel) }

// awaiting is the order with its PaymentIntent.
func (w *world) awaiting() pay.Created {
	w.t.Helper()
	w.done(w.open())
	p := w.is(contracts.AwaitingPayment).Payment
	return pay.Created{ID: p.IntentID, ClientSecret: p.ClientSecret}
}

// authorized is it after its buyer has confirmed.
func (w *world) authorized() pay.Created {
	w.t.Helper()
	c := w.awaiting()
	w.confirm(c, mempay.CardGood)
	return c
}

// committed is it when its seats are its own.
func (w *world) committed() pay.Created {
	w.t.Helper()
	c := w.authorized()
	w.become(func(o order.Order, cause order.Cause) (order.Order, error) { return o.Commit(c.ID, cause) })
	w.calls = nil
	return c
}

func (w *world) confirm(c pay.Created, card mempay.Card) {
	w.t.Helper()
	if err := w.provider.Confirm(c, card); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) open() message.OpenPayment {
	return message.OpenPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}
}

func (w *world) capture() message.CapturePayment {
	return message.CapturePayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 3}
}

func (w *world) void() message.VoidPayment {
	return message.VoidPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 3}
}

func (w *world) check(cause string) message.CheckPayment {
	return message.CheckPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, CauseID: cause}
}

// effects are what happened at the provider, oldest first.
func (w *world) effects() string {
	var kinds []string
	for _, e := range w.provider.Effects() {
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

// happened wants these effects.
func (w *world) happened(want string) {
	w.t.Helper()
	if got := w.effects(); got != want {
		w.t.Errorf("happened %q, want %q; calls %q", got, want, w.calls)
	}
}

// metric says whether it was put with a value other than 0.
func (w *world) metric(m telemetry.Metric) bool {
	return slices.ContainsFunc(strings.Split(w.metrics.String(), "\n"), func(line string) bool {
		return strings.Contains(line, fmt.Sprintf("%q:", m.Name)) && !strings.Contains(line, fmt.Sprintf("%q:0", m.Name))
	})
}

// asked are the calls to the provider, in short.
func (w *world) asked() string {
	short := strings.NewReplacer(environment+":"+string(w.id), "ENV:order")
	var asked []string
	for _, call := range w.calls {
		switch call {
		case "read", "update", "withdraw", "send", "rows", "tickets", "known", "note":
		default:
			asked = append(asked, short.Replace(call))
		}
	}
	return strings.Join(asked, ", ")
}

func poison(t testing.TB, o retry.Outcome, reason string) {
	t.Helper()
	if o.Class != retry.ClassPoison || o.Reason != reason {
		t.Errorf("got %+v, want poison %s", o, reason)
	}
}
