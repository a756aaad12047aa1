package pay_test

import (
	"strings"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w *fixture) pay() pay.Pay {
	return pay.Pay{
		Orders: w.Orders(), Books: w.Orders(), Notes: w.Notes(), Provider: provider{w.Provider(), w}, Sender: w.Sender(), Pace: w.Pace(),
		Environment: environment, Now: w.Now, Log: w.Log(), Meter: w.Meter("pay"),
	}
}

func (w *fixture) handle(m message.Message) error {
	w.t.Helper()
	e, err := message.Encode(m, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return w.pay().Handle(w.t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body, ReceiveCount: 1})
}

// tries is more than any message needs in these tests, however often it fails.
const tries = 12

// settle handles a message, each time by a new process, until it is not redelivered any more.
func (w *fixture) settle(m message.Message) error {
	w.t.Helper()
	for range tries {
		if err := w.handle(m); retry.Classify(err).Class != retry.ClassRetryable {
			return err
		}
		w.Restart()
	}
	w.t.Fatalf("%s was redelivered %d times: %v", m.Kind(), tries, w.Calls())
	return nil
}

// done wants a message to be done in the end.
func (w *fixture) done(m message.Message) {
	w.t.Helper()
	world.WantDone(w.t, w.settle(m))
}

func (w *fixture) row() order.Order {
	w.t.Helper()
	return w.Row(w.t, w.id)
}

// is wants a status of the row.
func (w *fixture) is(want contracts.Status) order.Order {
	w.t.Helper()
	row := w.row()
	if row.Status != want {
		w.t.Errorf("row is %s, want %s", row.Status, want)
	}
	return row
}

// become writes the next version of the row as another handler would.
func (w *fixture) become(next func(order.Order, order.Cause) (order.Order, error)) {
	w.t.Helper()
	row := w.row()
	after, err := next(row, order.Cause{Kind: message.KindCancelOrder, At: w.Instant()})
	if err != nil {
		w.t.Fatal(err)
	}
	if row.Status.Open() && after.Status == contracts.Committed {
		err = w.Rows.Commit(w.t.Context(), row, after)
	} else {
		err = w.Rows.Update(w.t.Context(), row, after)
	}
	if err != nil {
		w.t.Fatalf("row %s: %v", after.Status, err)
	}
}

func (w *fixture) cancelOrder() { w.t.Helper(); w.become(order.Order.Cancel) }

// awaiting opens the order's payment, and returns its PaymentIntent.
func (w *fixture) awaiting() pay.Created {
	w.t.Helper()
	w.done(w.open())
	p := w.is(contracts.AwaitingPayment).Payment
	return pay.Created{ID: p.IntentID, ClientSecret: p.ClientSecret}
}

// authorized opens the payment and has the buyer confirm it.
func (w *fixture) authorized() pay.Created {
	w.t.Helper()
	c := w.awaiting()
	w.confirm(c, mempay.CardGood)
	return c
}

// committed makes the order COMMITTED, and forgets the calls so far.
func (w *fixture) committed() pay.Created {
	w.t.Helper()
	c := w.authorized()
	w.become(func(o order.Order, cause order.Cause) (order.Order, error) { return o.Commit(c.ID, cause) })
	w.ForgetCalls()
	return c
}

func (w *fixture) confirm(c pay.Created, card mempay.Card) {
	w.t.Helper()
	if err := w.Stripe.Confirm(c, card); err != nil {
		w.t.Fatal(err)
	}
}

func (w *fixture) open() message.OpenPayment {
	return message.OpenPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}
}

func (w *fixture) capture() message.CapturePayment {
	return message.CapturePayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 3}
}

func (w *fixture) void() message.VoidPayment {
	return message.VoidPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 3}
}

func (w *fixture) check(cause string) message.CheckPayment {
	return message.CheckPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, CauseID: cause}
}

// effects is what happened at the provider, oldest first.
func (w *fixture) effects() string {
	var kinds []string
	for _, e := range w.Stripe.Effects() {
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

// happened wants these effects.
func (w *fixture) happened(want string) {
	w.t.Helper()
	if got := w.effects(); got != want {
		w.t.Errorf("happened %q, want %q; calls %q", got, want, w.Calls())
	}
}

// asked is the calls to the provider, with their keys or ids, in short.
func (w *fixture) asked() string {
	short := strings.NewReplacer(environment+":"+string(w.id), "ENV:order")
	var asked []string
	for _, m := range w.Made() {
		switch m.Call {
		case world.Retrieve:
			asked = append(asked, string(m.Call))
		case world.Create, world.Capture, world.Cancel, world.Undelivered, world.Entries, world.Entry:
			asked = append(asked, strings.TrimSpace(string(m.Call)+" "+short.Replace(m.About[0])))
		}
	}
	return strings.Join(asked, ", ")
}

// later moves the clock by as much as an order may be COMMITTED without a report, and a little more.
func (w *fixture) later() { w.Advance(300_001 * time.Millisecond) }
