package reconcile_test

import (
	"fmt"
	"maps"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// costs are the calls of a run of a new process with so many groups on sale, 100 a concert, 1,000 open orders of which 50 are
// due, and so many orders that have ended.
func costs(t *testing.T, groups, ended int) map[string]int {
	t.Helper()
	m := newMany(t, groups/100, 100)
	for i := range 1000 {
		at := m.now - 5*second
		if i < 50 {
			at = m.now - minute
		}
		m.heldIn(t, contracts.SeatGroup{ConcertID: fmt.Sprintf("c-%06d", i%(groups/100)), Group: "none"}, contracts.Held, at)
	}
	for range ended {
		placed := ordertest.Placed(contracts.SeatGroup{ConcertID: "c-000000", Group: "G-0"}, "A-1-1")
		ordertest.Put(t, m.rows, order.NewRejected(placed, "1", contracts.ReasonSeatTaken, nil, order.Cause{Kind: message.KindPlaceOrder, At: m.now - 60*minute}))
	}
	report, err := m.run(t)
	if err != nil || report.Opened != 50 || report.Groups != min(groups, 2000) {
		t.Fatalf("%d groups: %+v, %v", groups, report, err)
	}
	return m.calls
}

// The cost of a run follows what is open and what it looks at. It is the same whether 2,400 groups are on sale or 100,000, and
// however many orders have ended.
func TestARunCostsTheSameWhateverIsOnSale(t *testing.T) {
	want := map[string]int{
		// One for each page of the index: its segments.
		"due": 16,
		// The 50 rows; FetchEvents, AuditLedger and five batches of OpenPayment.
		"read": 1, "send": 1 + 1 + 5,
		// How far the ledger was asked for.
		"cursor": 1, "move": 1,
		// One for all, then 20 concerts and a part of one more, eight at a time.
		"concerts": 1, "layout": 24, "first": 1,
		// 2,000 groups, 100 a call; each is read, with its tickets and its open orders.
		"maps": 20, "state": 2000, "tickets": 2000, "open": 2000,
		// Both queues of letters are empty.
		"receive": 2,
	}
	for _, c := range []struct{ groups, ended int }{{2400, 0}, {2400, 20_000}, {100_000, 20_000}} {
		if got := costs(t, c.groups, c.ended); !maps.Equal(got, want) {
			t.Errorf("%+v: calls %v, want %v", c, got, want)
		}
	}
	// Where less is on sale, less is looked at.
	if got := costs(t, 1000, 0); got["layout"] != 11 || got["maps"] != 10 || got["state"] != 1000 || got["due"] != 16 {
		t.Errorf("1,000 groups: calls %v", got)
	}
}

// A second run of a process compares what has moved, and that is all that it saves.
func TestASecondRunComparesWhatMoved(t *testing.T) {
	m := newMany(t, 3, 100)
	if _, err := m.run(t); err != nil || m.calls["state"] != 300 {
		t.Fatalf("%v, %v", m.calls, err)
	}
	m.calls = map[string]int{}
	m.now += minute
	if _, err := m.run(t); err != nil || m.calls["state"] != 0 || m.calls["maps"] != 3 || m.calls["due"] != 16 {
		t.Errorf("%v, %v", m.calls, err)
	}
}
