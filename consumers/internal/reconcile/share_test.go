package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// timeout is the function's timeout; kept is how much of it must be left at the end of a run.
const (
	timeout = 60 * time.Second
	kept    = 2 * time.Second
)

// busy is a fixture in a bubble that has much more to do for each part than a run has time for when its calls are slow.
func busy(t *testing.T) *many {
	t.Helper()
	m := newMany(t, 10, 240)
	m.UseRealTime()
	m.held = true
	m.liven()
	for i := range 150 {
		for queue := range m.dead {
			id := ordertestID(i*2 + queue)
			a := message.Attributes{Kind: message.KindPlaceOrder, OrderID: id, ConcertID: "c-000001", Group: "G-1"}
			m.letter(t, queue, fmt.Sprint("group ", i%50), a, "body", "")
		}
	}
	for i := range 2500 {
		m.heldIn(t, contracts.SeatGroup{ConcertID: "c-000001", Group: fmt.Sprint("G-", i%200)}, contracts.Held, m.Instant()-10*minute)
	}
	return m
}

func ordertestID(n int) contracts.OrderID {
	return contracts.OrderID(fmt.Sprintf("e1%030d", 1_000_000+n))
}

// liven puts the concerts on sale by the bubble's clock.
func (m *many) liven() {
	for i := range m.Catalog.Concerts {
		m.Catalog.Concerts[i].OnSaleAt, m.Catalog.Concerts[i].OffSaleAt = m.Instant()-60*minute, m.Instant()+60*24*60*minute
	}
}

// within makes a run with the function's timeout, and wants it to end some time before that.
func (m *many) within(t *testing.T) (reconcile.Report, error) {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	report, err := m.reconciler.Run(ctx)
	if took := time.Since(begun); took > timeout-kept {
		t.Errorf("the run took %s of %s", took, timeout)
	}
	return report, err
}

// Whichever calls are slow, or all of them, no part uses up the time of another: each does a part of its work, and the run ends in
// time and without an error, and reports what it left.
func TestNoPartTakesTheTimeOfAnother(t *testing.T) {
	all := []world.Call{
		receiveLetters, world.Put, world.KeepLetter, deleteLetter, world.DuePage, world.ReadMany, world.Send, world.Concerts, world.Layout,
		world.Maps, world.Sweep, world.State, world.Tickets, world.OpenIDs, world.Repair, world.Cursor, world.MoveCursor,
	}
	for _, slow := range append([]world.Call{"", world.Any}, all...) {
		t.Run(string(slow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := busy(t)
				m.BeforeEach(func(c world.Call, _ ...string) {
					if c == slow || slow == world.Any && slices.Contains(all, c) {
						time.Sleep(1500 * time.Millisecond)
					}
				})
				report, err := m.within(t)
				if err != nil {
					t.Errorf("run: %v", err)
				}
				if report.DeadLetters == 0 || report.Opened+report.Expired == 0 || report.Groups == 0 || report.Swept == 0 || m.Count(world.State) == 0 {
					t.Errorf("a part did nothing: %+v, %d groups compared", report, m.Count(world.State))
				}
				left := map[world.Call]int{
					receiveLetters: report.Left.Queues, world.Put: report.Left.Queues, world.KeepLetter: report.Left.Queues,
					deleteLetter: report.Left.Queues, world.Sweep: report.Left.Sweeps, world.State: report.Left.Repairs,
					world.Tickets: report.Left.Repairs, world.OpenIDs: report.Left.Repairs,
					world.Any: min(report.Left.Queues, report.Left.Due, report.Left.Sweeps, report.Left.Repairs),
				}
				if n, wanted := left[slow]; wanted && n == 0 {
					t.Errorf("what was left is not reported: %+v", report.Left)
				}
				if slow == "" && (report.Left.Queues+report.Left.Due+report.Left.Sweeps+report.Left.Repairs > 0 || report.DeadLetters != 300 || report.Due != 2500) {
					t.Errorf("there was time for all: %+v", report)
				}
			})
		})
	}
}

// The context of a call ends before the function's time, so that report and metrics are written.
func TestARunKeepsAMargin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMany(t, 1, 1)
		m.UseRealTime()
		m.liven()
		end := time.Now().Add(timeout)
		hang := &hanging{until: end.Add(-kept)}
		m.reconciler.Catalogue = hang
		report, err := m.within(t)
		if err == nil || !hang.ended || time.Now().After(end.Add(-kept)) {
			t.Errorf("a call that hangs ended: %v, after %s: %+v, %v", hang.ended, time.Until(end), report, err)
		}
	})
}

// hanging is a catalogue whose Concerts returns only when its context ends.
type hanging struct {
	reconcile.Catalogue
	until time.Time
	ended bool
}

func (h *hanging) Concerts(ctx context.Context) (concerts []readmodel.Concert, err error) {
	deadline, bounded := ctx.Deadline()
	<-ctx.Done()
	h.ended = bounded && !deadline.After(h.until)
	return nil, ctx.Err()
}

// slowIndex is an index of open orders whose pages are small and slow.
type slowIndex struct {
	reconcile.Rows
	takes time.Duration
	limit int
}

func (x *slowIndex) DuePage(ctx context.Context, scan order.DueScan) (order.DuePage, error) {
	time.Sleep(x.takes)
	scan.Limit = x.limit
	page, err := x.Rows.DuePage(ctx, scan)
	return page, err
}

// An index that cannot be read in one run is read in a few: segment by segment if each run is a new process; and one process goes
// on where it was, even if there is no time for a single segment. No order is lost.
func TestAnIndexIsReadInSeveralRuns(t *testing.T) {
	for name, c := range map[string]struct {
		takes      time.Duration
		limit      int
		newProcess bool
		runs       int
	}{
		"a page is a segment, new processes": {takes: 20 * time.Second, limit: 1000, newProcess: true, runs: 5},
		"many pages, one process":            {takes: 3 * time.Second, limit: 5, runs: 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMany(t, 0, 0)
				m.UseRealTime()
				waiting := map[contracts.OrderID]bool{}
				for i := range 1600 {
					waiting[m.heldIn(t, contracts.SeatGroup{ConcertID: "c", Group: fmt.Sprint("G-", i%160)}, contracts.Committed, m.Instant()-60*minute).OrderID] = true
				}
				left := false
				for run := range c.runs + 1 {
					if len(waiting) == 0 {
						t.Logf("read in %d runs", run)
						break
					}
					if run == c.runs {
						t.Fatalf("after %d runs %d orders have not been seen", run, len(waiting))
					}
					if run == 0 || c.newProcess {
						m.restart()
						m.reconciler.Rows = &slowIndex{Rows: m.reconciler.Rows, takes: c.takes, limit: c.limit}
					}
					m.ForgetSent()
					report, err := m.within(t)
					if err != nil {
						t.Fatal(err)
					}
					left = left || report.Left.Segments > 0
					for _, sent := range m.Sent() {
						delete(waiting, sent.Attributes.OrderID)
					}
					time.Sleep(time.Minute)
				}
				if !left {
					t.Error("the index was read in one run, so that the test proves nothing")
				}
			})
		})
	}
}

// panicking is a catalogue with a layout that makes the program panic.
type panicking struct {
	reconcile.Catalogue
	concertID string
}

func (p panicking) Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	if concertID == p.concertID {
		panic("a layout that makes the program panic")
	}
	return p.Catalogue.Layout(ctx, concertID, version)
}

// A panic at one item is an error of that item: the groups of the other concert are read all the same.
func TestAPanicStopsNoOtherItem(t *testing.T) {
	w := newFixture(t)
	other := w.Catalog.Concerts[0]
	other.ConcertID = "other"
	w.Catalog.Concerts = append(w.Catalog.Concerts, other)
	w.reconciler.Catalogue = panicking{Catalogue: w.reconciler.Catalogue, concertID: other.ConcertID}
	report, err := w.run(t)
	if err == nil || !strings.Contains(err.Error(), "makes the program panic") || report.Groups != 2 {
		t.Errorf("%+v, %v; want the two groups of the other concert", report, err)
	}
}
