// Package paymenttest is the conformance suite of providers of payments and of the buckets that limit their calls. It is
// for tests only.
//
// paymenttest.go has the suite's parts, intents.go and lists.go its promises, double.go the local stand-in for Stripe as a
// server, bucket.go the suite of buckets.
package paymenttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

// Backend is a provider with the buyer's and the bank's side, which pay does not see. Its other methods fail the test when
// they fail.
type Backend interface {
	pay.Provider
	// Confirm confirms as a buyer's browser does. It reports whether the card was accepted, or the bank's page comes next.
	Confirm(t testing.TB, c pay.Created, card mempay.Card) (taken bool)
	// Lose ends an authorisation.
	Lose(t testing.TB, id string)
	// Refund refunds part of the captured amount, and Dispute disputes it, both outside pay.
	Refund(t testing.TB, id string, amount int64)
	Dispute(t testing.TB, id string)
	// Fail makes the next call of that name about an order fail.
	Fail(t testing.TB, order contracts.OrderID, call mempay.Call, kind mempay.Fault)
	// Miss makes the endpoint refuse the events of an order from now on.
	Miss(order contracts.OrderID)
	// Effects returns the kinds of the effects of an order, oldest first.
	Effects(t testing.TB, order contracts.OrderID) []string
	Now() contracts.Instant
}

// Environment is the environment of the suite's PaymentIntents.
const Environment = "paymenttest"

// Exercise runs the suite. open makes a Backend, which may be shared: every check has its own orders.
func Exercise(t *testing.T, open func(t *testing.T) Backend) {
	for _, part := range []struct {
		name     string
		promises []promise
	}{{"intents", intentPromises}, {"faults", faultPromises}, {"lists", listPromises}} {
		t.Run(part.name, func(t *testing.T) {
			for _, p := range part.promises {
				t.Run(p.name, func(t *testing.T) { p.check(&fixture{T: t, b: open(t), order: newOrder()}) })
			}
		})
	}
}

// promise is one sentence about every provider, and the check that it holds.
type promise struct {
	name  string
	check func(f *fixture)
}

// fixture has one order and makes the calls of a test.
type fixture struct {
	*testing.T
	b     Backend
	order contracts.OrderID
}

var orders atomic.Int64

// newOrder returns an id that no other test has, since all tests share a server.
func newOrder() contracts.OrderID {
	return contracts.OrderID(fmt.Sprintf("e1%030d", orders.Add(1)))
}

func (f *fixture) key(step string) string { return step + ":" + string(f.order) + ":0" }

// params returns the parameters of the fixture's order.
func (f *fixture) params() pay.CreateParams {
	return pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: map[string]string{
		stripeevent.MetadataEnvironment: Environment, stripeevent.MetadataOrder: string(f.order),
		stripeevent.MetadataConcert: "nocturne", stripeevent.MetadataGroup: "A",
	}}
}

func (f *fixture) created() pay.Created {
	f.Helper()
	c, err := f.b.Create(f.Context(), f.key("pi"), f.params())
	if err != nil || c.ID == "" || c.ClientSecret == "" {
		f.Fatalf("create: %q, %v", c.ID, err)
	}
	return c
}

// authorized returns a PaymentIntent whose amount is authorised.
func (f *fixture) authorized() pay.Created {
	f.Helper()
	c := f.created()
	f.confirm(c, mempay.CardGood, true)
	return c
}

func (f *fixture) confirm(c pay.Created, card mempay.Card, taken bool) {
	f.Helper()
	if f.b.Confirm(f, c, card) != taken {
		f.Fatalf("%s with %s: taken %v, want %v", c.ID, card, !taken, taken)
	}
}

// is checks the status of a PaymentIntent and returns it.
func (f *fixture) is(id, status string) stripeevent.Intent {
	f.Helper()
	i, err := f.b.Retrieve(f.Context(), id)
	if err != nil || i.ID != id || i.Status != status {
		f.Fatalf("%s is %s, %v; want %s", id, i.Status, err, status)
	}
	return i
}

// done checks that a call succeeded and led to a status.
func (f *fixture) done(what string, i stripeevent.Intent, err error, status string) {
	f.Helper()
	if err != nil || i.Status != status {
		f.Fatalf("%s: %s, %v; want %s", what, i.Status, err, status)
	}
}

// refused checks that a call failed in this way.
func (f *fixture) refused(what string, err error, want pay.Failure) {
	f.Helper()
	var p *pay.ProviderError
	if !errors.As(err, &p) || p.Failure != want || p.Code == "" || p.Err == nil {
		f.Fatalf("%s: %v, want failure %d with a code and a cause", what, err, want)
	}
}

// effects checks the effects of the order, oldest first.
func (f *fixture) effects(want ...string) {
	f.Helper()
	if got := f.b.Effects(f, f.order); !slices.Equal(got, want) {
		f.Fatalf("effects %v, want %v", got, want)
	}
}

// patience bounds waits, on a loaded machine.
const patience = 20 * time.Second

// becomes waits until a condition holds.
func (f *fixture) becomes(what string, holds func() bool) {
	f.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			f.Fatalf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

// Memory is mempay as a Backend, with a clock that stands still.
func Memory(*testing.T) Backend {
	m := &memory{}
	m.Provider = mempay.New(mempay.Options{Now: m.Now, Deliver: func(e stripeevent.Event) bool {
		_, missed := m.missed.Load(contracts.OrderID(e.Data.Object.Metadata[stripeevent.MetadataOrder]))
		return !missed
	}})
	return m
}

type memory struct {
	*mempay.Provider
	missed sync.Map
}

func (m *memory) Now() contracts.Instant { return 1_790_000_000_000 }

func (m *memory) Confirm(t testing.TB, c pay.Created, card mempay.Card) bool {
	t.Helper()
	err := m.Provider.Confirm(c, card)
	var p *pay.ProviderError
	if err != nil && (!errors.As(err, &p) || p.Failure != pay.FailureDeclined && p.Failure != pay.FailureState) {
		t.Fatal(err)
	}
	return err == nil
}

func (m *memory) Lose(t testing.TB, id string) {
	t.Helper()
	if err := m.Provider.Lose(id); err != nil {
		t.Fatal(err)
	}
}

func (m *memory) Refund(t testing.TB, id string, amount int64) {
	t.Helper()
	if err := m.Provider.Refund(id, amount); err != nil {
		t.Fatal(err)
	}
}

func (m *memory) Dispute(t testing.TB, id string) {
	t.Helper()
	if err := m.Provider.Dispute(id); err != nil {
		t.Fatal(err)
	}
}

func (m *memory) Fail(_ testing.TB, order contracts.OrderID, call mempay.Call, kind mempay.Fault) {
	m.Provider.Fail(order, call, kind)
}

func (m *memory) Miss(order contracts.OrderID) { m.missed.Store(order, true) }

func (m *memory) Effects(_ testing.TB, order contracts.OrderID) (kinds []string) {
	for _, e := range m.Provider.Effects() {
		if e.Order == order {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// count returns how often a kind is among effects.
func count(effects []string, kind string) int {
	return strings.Count(" "+strings.Join(effects, " ")+" ", " "+kind+" ")
}
