package reconcile_test

import (
	"fmt"
	"maps"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// costs returns the calls of a run of a new process with that many groups on sale, 100 a concert, 1,000 open orders of which 50
// are due, and that many orders that have ended.
func costs(t *testing.T, groups, ended int) map[world.Call]int {
	t.Helper()
	m := newMany(t, groups/100, 100)
	for i := range 1000 {
		at := m.Instant() - 5*second
		if i < 50 {
			at = m.Instant() - minute
		}
		m.heldIn(t, contracts.SeatGroup{ConcertID: fmt.Sprintf("c-%06d", i%(groups/100)), Group: "none"}, contracts.Held, at)
	}
	for range ended {
		placed := ordertest.Placed(contracts.SeatGroup{ConcertID: "c-000000", Group: "G-0"}, "A-1-1")
		ordertest.Put(t, m.Rows, order.NewRejected(placed, "1", contracts.ReasonSeatTaken, nil, order.Cause{Kind: message.KindPlaceOrder, At: m.Instant() - 60*minute}))
	}
	report, err := m.run(t)
	if err != nil || report.Opened != 50 || report.Groups != min(groups, 2000) {
		t.Fatalf("%d groups: %+v, %v", groups, report, err)
	}
	return m.counts()
}

// The cost of a run depends on the open orders and on the groups that it reads. It is the same whether 2,400 groups are on sale or
// 100,000, and however many orders have ended.
func TestARunCostsTheSameWhateverIsOnSale(t *testing.T) {
	want := map[world.Call]int{
		// One for each page of the index: its segments.
		world.DuePage: 16,
		// The 50 rows; FetchEvents, AuditLedger and five batches of OpenPayment.
		world.ReadMany: 1, world.Send: 1 + 1 + 5,
		// How far the ledger was compared.
		world.Cursor: 1, world.MoveCursor: 1,
		// One for all, then 20 concerts and a part of one more, eight at a time.
		world.Concerts: 1, world.Layout: 24, world.TellFirst: 1,
		// 2,000 groups, 100 a call; each is read, with its tickets and its open orders.
		world.Maps: 20, world.State: 2000, world.Tickets: 2000, world.OpenIDs: 2000,
		// Both queues of letters are empty.
		receiveLetters: 2,
		// The overview: the last one with the seats of the concert of which the run has only some groups, the counts of all queues (a
		// call of SQS each), both lags, both lists of letters, the seats of 21 concerts in one write, and the overview itself.
		readView: 1, countQueues: 1, readLags: 1, listLetters: 2, writeView: 2,
	}
	for _, c := range []struct{ groups, ended int }{{2400, 0}, {2400, 20_000}, {100_000, 20_000}} {
		if got := costs(t, c.groups, c.ended); !maps.Equal(got, want) {
			t.Errorf("%+v: calls %v, want %v", c, got, want)
		}
	}
	// With fewer groups on sale, a run reads fewer.
	if got := costs(t, 1000, 0); got[world.Layout] != 11 || got[world.Maps] != 10 || got[world.State] != 1000 || got[world.DuePage] != 16 {
		t.Errorf("1,000 groups: calls %v", got)
	}
}

// A second run of a process compares only the groups that have moved; it saves nothing else.
func TestASecondRunComparesWhatMoved(t *testing.T) {
	m := newMany(t, 3, 100)
	if _, err := m.run(t); err != nil || m.Count(world.State) != 300 {
		t.Fatalf("%v, %v", m.counts(), err)
	}
	m.ForgetCalls()
	m.SetTime(m.Instant() + minute)
	if _, err := m.run(t); err != nil || m.Count(world.State) != 0 || m.Count(world.Maps) != 3 || m.Count(world.DuePage) != 16 {
		t.Errorf("%v, %v", m.counts(), err)
	}
}
