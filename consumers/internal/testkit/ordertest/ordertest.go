// Package ordertest is the conformance suite of the stores of orders: it checks every promise of the ports of reserve,
// expire and rebuild, in memory and on a DynamoDB server.
package ordertest

import (
	"boxoffice/consumers/internal/retry"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Store has all the ports that a store of orders implements.
type Store interface {
	PutAll(ctx context.Context, rows []order.Order) []order.PutResult
	RejectLost(ctx context.Context, before, after order.Order, seat string) error
	Commit(ctx context.Context, before, after order.Order) error
	Withdraw(ctx context.Context, before, after order.Order) error
	Allowance(ctx context.Context, concertID, userID string) (int, error)
	Update(ctx context.Context, before, after order.Order) error
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
	DuePage(ctx context.Context, scan order.DueScan) (order.DuePage, error)
	OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error)
	Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error)
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
	CountTickets(ctx context.Context, rows []order.Order) (map[contracts.OrderID]int, error)
	NextToken(ctx context.Context, g contracts.SeatGroup) (int64, error)
}

// Backend is a Store with what no port has: writing a ticket without a condition, and writing as a newer version of the
// program.
type Backend struct {
	Store     Store
	PutTicket func(g contracts.SeatGroup, seat string, owner contracts.OrderID)
	// Revoked returns the revocations of a concert that an order has caused.
	Revoked func(concertID string, by contracts.OrderID) []readmodel.Revocation
	// SetUnknown gives a stored row an attribute that readmodel does not have, and Unknown returns its stored value, "" for
	// none. A path is a name, "payment.NAME" or "history[0].NAME".
	SetUnknown func(id contracts.OrderID, path, value string)
	Unknown    func(id contracts.OrderID, path string) string
}

// ids counts the order ids of this process.
var ids atomic.Int64

// NewID makes a well-formed order id that no other test of the process uses.
func NewID() contracts.OrderID {
	return contracts.OrderID(fmt.Sprintf("e1%030d", ids.Add(1)))
}

// Placed returns a PlaceOrder for these seats, of a new buyer: every concert has a limit per buyer.
func Placed(g contracts.SeatGroup, seats ...string) message.PlaceOrder {
	id := NewID()
	return message.PlaceOrder{
		OrderID: id, UserID: "buyer-" + string(id), ConcertID: g.ConcertID, Group: g.Group, LayoutVersion: 1,
		Seats: seats, RequestHash: contracts.RequestHash(g.ConcertID, seats),
		AcceptedAt: 1_000_000, Deadline: 1_120_000,
	}
}

// HeldOrder returns the first row of a held order.
func HeldOrder(m message.PlaceOrder) order.Order {
	return order.NewHeld(m, "00000000000000000001", order.Hold{
		Seats: m.Seats, HeldAt: 1_000_500, ExpiresAt: 1_300_500, Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, BuyerLimit: 8,
	}, order.Cause{Kind: message.KindPlaceOrder, MessageID: "m-1", At: 1_000_600})
}

// HeldBy returns the first row of a held order of that buyer, with that limit per buyer.
func HeldBy(g contracts.SeatGroup, user string, limit int, seats ...string) order.Order {
	m := Placed(g, seats...)
	m.UserID = user
	row := HeldOrder(m)
	row.BuyerLimit = limit
	return row
}

// RejectedOrder returns the only row of an order that got no seats. It counts none.
func RejectedOrder(m message.PlaceOrder) order.Order {
	cause := order.Cause{Kind: message.KindPlaceOrder, MessageID: "m-1", At: 1_000_600}
	return order.NewRejected(m, "00000000000000000001", contracts.ReasonSeatTaken, m.Seats, cause)
}

func expired(t *testing.T, o order.Order) order.Order {
	t.Helper()
	next, err := o.Expire(order.Cause{Kind: message.KindExpireHold, MessageID: "m-2", At: o.ExpiresFrom()})
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// Exercise runs the suite. open makes a backend that does not know the suite's groups yet.
func Exercise(t *testing.T, open func(t *testing.T) Backend) {
	group := func() contracts.SeatGroup {
		return contracts.SeatGroup{ConcertID: fmt.Sprintf("concert-%d", ids.Add(1)), Group: "A-1"}
	}
	tests := map[string]func(t *testing.T, b Backend){
		"a row reads as it was written": func(t *testing.T, b Backend) {
			row := HeldOrder(Placed(group(), "A-1-1", "A-1-2"))
			put(t, b, row)
			got, found, err := b.Store.Read(t.Context(), row.OrderID)
			if err != nil || !found {
				t.Fatalf("read: found %v, %v", found, err)
			}
			if !reflect.DeepEqual(got, row) {
				t.Errorf("got %+v, want %+v", got, row)
			}
		},
		"a rejected row keeps its reason and has no amount": func(t *testing.T, b Backend) {
			row := order.NewRejected(Placed(group(), "A-1-1"), "1", contracts.ReasonSeatTaken, []string{"A-1-1"}, order.Cause{Kind: message.KindPlaceOrder, MessageID: "m", At: 5})
			put(t, b, row)
			got, _, err := b.Store.Read(t.Context(), row.OrderID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Amount != nil || got.Reason == nil || got.Reason.Code != contracts.ReasonSeatTaken || !slices.Equal(got.Reason.Seats, []string{"A-1-1"}) {
				t.Errorf("got amount %v, reason %+v", got.Amount, got.Reason)
			}
		},
		"a missing row is not an error": func(t *testing.T, b Backend) {
			if _, found, err := b.Store.Read(t.Context(), NewID()); found || err != nil {
				t.Errorf("found %v, %v", found, err)
			}
		},
		"the first put wins and the second gets its row": func(t *testing.T, b Backend) {
			m := Placed(group(), "A-1-1")
			first := HeldOrder(m)
			put(t, b, first)
			second := order.NewRejected(m, "2", contracts.ReasonSeatTaken, nil, order.Cause{At: 7})
			r := b.Store.PutAll(t.Context(), []order.Order{second})[0]
			if r.Err != nil || r.Outcome != order.PutRefused || r.Stored.Status != contracts.Held || r.Stored.Fence != first.Fence {
				t.Errorf("got %+v", r)
			}
		},
		"of 32 puts at once exactly one is done": func(t *testing.T, b Backend) {
			row := HeldOrder(Placed(group(), "A-1-1"))
			race(t, 32, func() error {
				r := b.Store.PutAll(t.Context(), []order.Order{row})[0]
				if r.Outcome != order.PutDone && r.Err == nil {
					return retry.ErrMoved
				}
				return r.Err
			})
		},
		"an update needs the version it was made from": func(t *testing.T, b Backend) {
			row := HeldOrder(Placed(group(), "A-1-1"))
			put(t, b, row)
			next := expired(t, row)
			if err := b.Store.Update(t.Context(), row, next); err != nil {
				t.Fatalf("first update: %v", err)
			}
			if err := b.Store.Update(t.Context(), row, next); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("update from an old version: %v", err)
			}
			got, _, err := b.Store.Read(t.Context(), row.OrderID)
			if err != nil || got.Status != contracts.Expired || got.Version != 2 || len(got.History) != 2 {
				t.Errorf("got %+v, %v", got, err)
			}
		},
		"an update of a row that is not there is refused": func(t *testing.T, b Backend) {
			row := HeldOrder(Placed(group(), "A-1-1"))
			if err := b.Store.Update(t.Context(), row, expired(t, row)); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("got %v", err)
			}
		},
		"of 32 updates at once exactly one is done": func(t *testing.T, b Backend) {
			row := HeldOrder(Placed(group(), "A-1-1"))
			put(t, b, row)
			next := expired(t, row)
			race(t, 32, func() error { return b.Store.Update(t.Context(), row, next) })
		},
		"the index has open orders of the group only": func(t *testing.T, b Backend) {
			g := group()
			open, over, elsewhere := HeldOrder(Placed(g, "A-1-1")), HeldOrder(Placed(g, "A-1-2")), HeldOrder(Placed(group(), "A-1-1"))
			for _, row := range []order.Order{open, over, elsewhere} {
				put(t, b, row)
			}
			if err := b.Store.Update(t.Context(), over, expired(t, over)); err != nil {
				t.Fatalf("update: %v", err)
			}
			got, err := b.Store.OpenIDs(t.Context(), g)
			if err != nil || !slices.Equal(got, []contracts.OrderID{open.OrderID}) {
				t.Errorf("got %v, %v; want %v", got, err, open.OrderID)
			}
		},
		"many rows are read over every page": func(t *testing.T, b Backend) {
			g := group()
			var want []contracts.OrderID
			for range 230 {
				row := HeldOrder(Placed(g, "A-1-1"))
				put(t, b, row)
				want = append(want, row.OrderID)
			}
			rows, err := b.Store.ReadMany(t.Context(), append(slices.Clone(want), NewID()))
			if err != nil {
				t.Fatal(err)
			}
			var got []contracts.OrderID
			for _, row := range rows {
				got = append(got, row.OrderID)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("read %d rows, want %d", len(got), len(want))
			}
			open, err := b.Store.OpenIDs(t.Context(), g)
			if err != nil || len(open) != len(want) {
				t.Errorf("index has %d, want %d, %v", len(open), len(want), err)
			}
		},
		"no ids give no rows": func(t *testing.T, b Backend) {
			if rows, err := b.Store.ReadMany(t.Context(), nil); len(rows) != 0 || err != nil {
				t.Errorf("got %v, %v", rows, err)
			}
		},
		"tickets are those of the group only": func(t *testing.T, b Backend) {
			g, other := group(), group()
			b.PutTicket(g, "A-1-1", "order-1")
			b.PutTicket(other, "A-1-2", "order-2")
			got, err := b.Store.Tickets(t.Context(), g)
			if err != nil || len(got) != 1 || got["A-1-1"] != "order-1" {
				t.Errorf("got %v, %v", got, err)
			}
		},
		"tickets are counted order by order, over every page": func(t *testing.T, b Backend) {
			g, other := group(), group()
			var rows []order.Order
			want := map[contracts.OrderID]int{}
			for n := range 30 {
				row := HeldOrder(Placed(g, fmt.Sprint("A-", n), fmt.Sprint("B-", n), fmt.Sprint("C-", n), fmt.Sprint("D-", n)))
				rows = append(rows, row)
				for _, seat := range row.Seats[:n%5] {
					b.PutTicket(g, seat, row.OrderID)
					want[row.OrderID]++
				}
			}
			// Of two orders with the same seats one owns one of them, and another order owns the other.
			first, second := HeldOrder(Placed(g, "E-1", "E-2", "E-3")), HeldOrder(Placed(g, "E-1", "E-2", "E-3"))
			b.PutTicket(g, "E-1", second.OrderID)
			b.PutTicket(g, "E-2", "order-2")
			b.PutTicket(other, "E-3", first.OrderID)
			rows, want[second.OrderID] = append(rows, first, second), 1
			got, err := b.Store.CountTickets(t.Context(), rows)
			for _, row := range rows {
				if got[row.OrderID] != want[row.OrderID] {
					t.Errorf("%s with %v has %d tickets, want %d", row.OrderID, row.Seats, got[row.OrderID], want[row.OrderID])
				}
			}
			if err != nil {
				t.Error(err)
			}
			if none, err := b.Store.CountTickets(t.Context(), nil); len(none) != 0 || err != nil {
				t.Errorf("of no orders: %v, %v", none, err)
			}
		},
		"one ticket, by its group and its seat": func(t *testing.T, b Backend) {
			g, other := group(), group()
			b.PutTicket(g, "A-1-1", "order-1")
			b.PutTicket(g, "A-1-2", "order-2")
			b.PutTicket(other, "A-1-3", "order-3")
			for seat, want := range map[string]contracts.OrderID{"A-1-1": "order-1", "A-1-2": "order-2", "A-1-3": "", "A-1": ""} {
				owner, found, err := b.Store.Ticket(t.Context(), g, seat)
				if owner != want || found != (want != "") || err != nil {
					t.Errorf("the ticket of %s is %q, found %v, %v; want %q", seat, owner, found, err, want)
				}
			}
		},
		"tokens rise and none is given twice": func(t *testing.T, b Backend) {
			g := group()
			seen := sync.Map{}
			gate := make(chan struct{})
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					<-gate
					token, err := b.Store.NextToken(t.Context(), g)
					if _, twice := seen.LoadOrStore(token, true); twice || err != nil {
						t.Errorf("token %d: twice %v, %v", token, twice, err)
					}
				})
			}
			close(gate)
			wg.Wait()
			if token, err := b.Store.NextToken(t.Context(), g); token != 21 || err != nil {
				t.Errorf("got %d, %v; want 21", token, err)
			}
		},
	}
	maps.Copy(tests, limitTests(group))
	maps.Copy(tests, commitTests(group))
	maps.Copy(tests, unknownTests(group))
	maps.Copy(tests, conditionTests(group))
	maps.Copy(tests, dueTests(group))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Put writes the first version of a row and fails the test if it is not written.
func Put(t *testing.T, s interface {
	PutAll(ctx context.Context, rows []order.Order) []order.PutResult
}, row order.Order) {
	t.Helper()
	if r := s.PutAll(t.Context(), []order.Order{row})[0]; r.Outcome != order.PutDone {
		t.Fatalf("put: %+v", r)
	}
}

func put(t *testing.T, b Backend, row order.Order) {
	t.Helper()
	Put(t, b.Store, row)
}

// race lets n workers do the same at once, and wants one of them to succeed and all others to get retry.ErrMoved.
func race(t *testing.T, n int, do func() error) {
	t.Helper()
	gate := make(chan struct{})
	var done atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			<-gate
			switch err := do(); {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, retry.ErrMoved):
				t.Error(err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of %d were done, want 1", done.Load(), n)
	}
}
