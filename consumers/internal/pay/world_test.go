package pay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/consumers/internal/memory/memledger"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

const environment = "test"

// world has one held order of two seats, a provider, and every port of Pay between them, where calls fail as they are told.
type world struct {
	t        testing.TB
	now      contracts.Instant
	rows     *memorder.Store
	notes    *memledger.Store
	provider *mempay.Provider
	id       contracts.OrderID
	sent     []message.Encoded
	lags     []contracts.Instant
	metrics  bytes.Buffer
	log      bytes.Buffer

	// calls are those that were made, with their keys; keys are those that had one, from the begin.
	calls []string
	keys  []string
	// failAt is the number of the call that fails, from 1: before its effect, or after it.
	failAt int
	after  bool
	// fail gives the next call of that name this failure, without an effect.
	fail map[string]pay.Failure
	// unreadable are the orders whose rows are there and cannot be read.
	unreadable map[contracts.OrderID]bool
	// before is called before each call, as another's doing would be in between.
	before func(call string)
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: 1_000_700, rows: memorder.New(), notes: memledger.New(), unreadable: map[contracts.OrderID]bool{}, fail: map[string]pay.Failure{}}
	w.provider = mempay.New(mempay.Options{Now: func() contracts.Instant { return w.now }, Deliver: func(stripeevent.Event) bool { return false }})
	w.id = w.held()
	return w
}

// held is a new order that holds two seats.
func (w *world) held() contracts.OrderID {
	m := ordertest.Placed(group, "A-1-1", "A-1-2")
	for _, r := range w.rows.PutAll(w.t.Context(), []order.Order{ordertest.HeldOrder(m)}) {
		if r.Err != nil || r.Outcome != order.PutDone {
			w.t.Fatalf("put: %+v", r)
		}
	}
	return m.OrderID
}

var errDown = errors.New("broken connection")

// step makes a call of a port.
func (w *world) step(call string, do func() error) error {
	w.calls = append(w.calls, call)
	if w.before != nil {
		w.before(call)
	}
	n := len(w.calls)
	if n == w.failAt && !w.after {
		return errDown
	}
	err := do()
	if n == w.failAt && w.after {
		return errDown
	}
	return err
}

// ask is step for a call to the provider.
func (w *world) ask(name, key string, do func() error) error {
	if strings.Contains(key, ":") {
		w.keys = append(w.keys, name+" "+key)
	}
	if f, told := w.fail[name]; told {
		delete(w.fail, name)
		w.calls = append(w.calls, strings.TrimSpace(name+" "+key))
		return &pay.ProviderError{Failure: f, Code: "told", Err: errors.New("told")}
	}
	err := w.step(strings.TrimSpace(name+" "+key), do)
	var p *pay.ProviderError
	if err != nil && !errors.As(err, &p) {
		return &pay.ProviderError{Code: "no_answer", Err: err}
	}
	return err
}

func (w *world) Create(ctx context.Context, key string, p pay.CreateParams) (c pay.Created, err error) {
	err = w.ask("create", key, func() (err error) { c, err = w.provider.Create(ctx, key, p); return err })
	if err != nil {
		return pay.Created{}, err
	}
	return c, nil
}

func (w *world) Retrieve(ctx context.Context, id string) (i stripeevent.Intent, err error) {
	err = w.ask("retrieve", "", func() (err error) { i, err = w.provider.Retrieve(ctx, id); return err })
	return answered(i, err)
}

// Capture holds every test to it that money is taken only for a row that is committed.
func (w *world) Capture(ctx context.Context, key, id string) (i stripeevent.Intent, err error) {
	if row := w.row(); row.Status != contracts.Committed {
		w.t.Errorf("captured for an order that is %s", row.Status)
	}
	err = w.ask("capture", key, func() (err error) { i, err = w.provider.Capture(ctx, key, id); return err })
	return answered(i, err)
}

// Cancel holds every test to it that nothing is given back of an order that may still pay, and nothing that has paid it. A
// capture may find that the authorisation of a committed order is gone, and then ends its own.
func (w *world) Cancel(ctx context.Context, key, id string) (i stripeevent.Intent, err error) {
	row := w.row()
	paid := row.Status == contracts.Confirmed || row.Status == contracts.Refunded
	if row.Status.Open() || paid && row.Payment.IntentID == id {
		w.t.Errorf("cancelled %s of an order that is %s", id, row.Status)
	}
	err = w.ask("cancel", key, func() (err error) { i, err = w.provider.Cancel(ctx, key, id); return err })
	return answered(i, err)
}

// answered has no answer beside an error.
func answered(i stripeevent.Intent, err error) (stripeevent.Intent, error) {
	if err != nil {
		return stripeevent.Intent{}, err
	}
	return i, nil
}

func (w *world) Undelivered(ctx context.Context, since contracts.Instant, after string) (page pay.EventPage, err error) {
	err = w.ask("events", after, func() (err error) { page, err = w.provider.Undelivered(ctx, since, after); return err })
	if err != nil {
		return pay.EventPage{}, err
	}
	return page, nil
}

func (w *world) Entries(ctx context.Context, from, to contracts.Instant, after string) (page pay.EntryPage, err error) {
	err = w.ask("entries", after, func() (err error) { page, err = w.provider.Entries(ctx, from, to, after); return err })
	if err != nil {
		return pay.EntryPage{}, err
	}
	return page, nil
}

func (w *world) Entry(ctx context.Context, id string) (e pay.Entry, err error) {
	err = w.ask("entry", id, func() (err error) { e, err = w.provider.Entry(ctx, id); return err })
	if err != nil {
		return pay.Entry{}, err
	}
	return e, nil
}

// ReadMany refuses what DynamoDB refuses.
func (w *world) ReadMany(ctx context.Context, ids []contracts.OrderID) (rows []order.Order, err error) {
	err = w.step("rows", func() (err error) {
		if sorted := slices.Sorted(slices.Values(ids)); len(slices.Compact(sorted)) != len(ids) || slices.Contains(ids, "") {
			return fmt.Errorf("keys may not be empty or there twice: %q", ids)
		}
		for _, id := range ids {
			if w.unreadable[id] {
				return fmt.Errorf("%w: told", order.ErrUnreadable)
			}
		}
		rows, err = w.rows.ReadMany(ctx, ids)
		return err
	})
	return rows, err
}

func (w *world) CountTickets(ctx context.Context, rows []order.Order) (counts map[contracts.OrderID]int, err error) {
	err = w.step("tickets", func() (err error) { counts, err = w.rows.CountTickets(ctx, rows); return err })
	return counts, err
}

func (w *world) Known(ctx context.Context, key string) (known bool, err error) {
	err = w.step("known", func() (err error) { known, err = w.notes.Known(ctx, key); return err })
	return known && err == nil, err
}

func (w *world) Note(ctx context.Context, n readmodel.LedgerNote) error {
	return w.step("note", func() error { return w.notes.Note(ctx, n) })
}

func (w *world) Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error) {
	err = w.step("read", func() (err error) {
		if id == "" {
			// As DynamoDB refuses it.
			return errors.New("a key may not be empty")
		}
		if w.unreadable[id] {
			return fmt.Errorf("%w: told", order.ErrUnreadable)
		}
		o, found, err = w.rows.Read(ctx, id)
		return err
	})
	return o, found, err
}

func (w *world) Update(ctx context.Context, before, after order.Order) error {
	return w.step("update", func() error { return w.rows.Update(ctx, before, after) })
}

func (w *world) Withdraw(ctx context.Context, before, after order.Order) error {
	return w.step("withdraw", func() error { return w.rows.Withdraw(ctx, before, after) })
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	return w.step("send", func() error { w.sent = append(w.sent, messages...); return nil })
}

func (w *world) Leave(_ context.Context, sentAt contracts.Instant) { w.lags = append(w.lags, sentAt) }
