// Package reconcile moves on what got stuck, once a minute and never two at a time. It enqueues, and writes no order that
// has a row; each part may be repeated.
//
// due.go finds orders whose next step is late, payments.go asks for what Stripe could not deliver, groups.go the groups of concerts on sale that are not loaded, repair.go
// what Redis has otherwise than rows and tickets, and deadletters.go drains the dead-letter queues.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Catalogue answers what is or will be on sale.
type Catalogue interface {
	// Concerts reads all concerts, past any memory.
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
}

// Rows are the orders.
type Rows interface {
	// DueIDs reads the index of orders whose step was due by then. It is eventually consistent.
	DueIDs(ctx context.Context, g contracts.SeatGroup, by contracts.Instant) ([]contracts.OrderID, error)
	// ReadMany is a consistent read of rows; ids without a row are left out.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
	// OpenIDs reads the index of orders with a due step. It is eventually consistent.
	OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error)
	// Tickets is a consistent read of all tickets of a group: seat name to owner.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
	PutAll(ctx context.Context, puts []order.Put) []order.PutResult
}

// Groups are the seat groups in Redis.
type Groups interface {
	Maps(ctx context.Context, groups []contracts.SeatGroup) ([]seatstate.Snapshot, error)
	// Sweep ends some orders that hold something past its lapse, and answers how many are left.
	Sweep(ctx context.Context, g contracts.SeatGroup) (left int, err error)
	// State reads a whole group at one instant. It answers holds.ErrNotLoaded when the group is not there, as Repair does.
	State(ctx context.Context, g contracts.SeatGroup) (holds.State, error)
	// Repair writes changes that were made from a State of this epoch; what has moved since is skipped.
	Repair(ctx context.Context, g contracts.SeatGroup, epoch int64, changes []holds.Change) (holds.Repaired, error)
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Reconciler does one run at a time.
type Reconciler struct {
	Catalogue   Catalogue
	Rows        Rows
	Groups      Groups
	Sender      Sender
	DeadLetters []DeadLetterQueue
	Letters     Letters
	Ledger      LedgerCursor
	Log         *slog.Logger
	Meter       *telemetry.Meter
	Now         func() time.Time

	mu   sync.Mutex
	last map[contracts.SeatGroup]compared
}

// Report counts what a run did.
type Report struct {
	Groups  int `json:"groups"`
	Rebuilt int `json:"rebuilt"`
	// Opened, Checked, Expired and Captured are orders whose step was late and was sent again.
	Opened      int `json:"opened"`
	Checked     int `json:"checked"`
	Expired     int `json:"expired"`
	Captured    int `json:"captured"`
	Swept       int `json:"swept"`
	DeadLetters int `json:"deadLetters"`
	// Repaired and Lost are orders: those whose places in Redis were brought to what rows and tickets say, and those that
	// were told that their seat is another's.
	Repaired int `json:"repaired"`
	Lost     int `json:"lost"`
}

// side is how many groups are looked at side by side.
const side = 16

// before is how long before the on-sale the groups of a concert are loaded; after is how long past the end of the sale
// its last holds are looked after.
const (
	before = 10 * time.Minute
	after  = time.Hour
)

// margin is kept of the handler's time for what comes after the last call: the report and the metrics.
const margin = 2 * time.Second

// Run does all parts. One that fails does not keep the others from theirs; the next run finds what is left. What orders
// wait for comes first, and the comparison with Redis last.
func (r *Reconciler) Run(ctx context.Context) (Report, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	now := contracts.InstantOf(r.Now())
	run := int64(now) / time.Minute.Milliseconds()
	var report Report
	var problems []error
	groups, err := r.groups(ctx, now)
	problems = append(problems, err)
	report.Groups = len(groups)

	report.Rebuilt, err = r.load(ctx, groups, run)
	problems = append(problems, err)

	var mu sync.Mutex
	var late steps
	forEach(groups, func(g group) {
		var swept int
		var sweepErr error
		if g.snapshot.Loaded {
			swept, sweepErr = r.sweep(ctx, g.SeatGroup)
		}
		sent, dueErr := r.due(ctx, g.SeatGroup, now, run)
		mu.Lock()
		defer mu.Unlock()
		report.Swept += swept
		late.add(sent)
		problems = append(problems, sweepErr, dueErr)
	})

	report.Opened, report.Checked, report.Expired, report.Captured = late.opened, late.checked, late.expired, late.captured

	problems = append(problems, r.payments(ctx, now, run))
	report.DeadLetters, err = r.drain(ctx)
	problems = append(problems, err)

	forEach(groups, func(g group) {
		if !g.snapshot.Loaded {
			return
		}
		done, err := r.repair(ctx, g, now, run)
		mu.Lock()
		defer mu.Unlock()
		report.Repaired += done.orders
		report.Lost += done.lost
		problems = append(problems, err)
	})

	r.Meter.Put(telemetry.StepsRepeated, float64(late.opened+late.expired+late.captured+report.Rebuilt+report.Lost))
	r.Meter.Put(telemetry.DeadLettersDrained, float64(report.DeadLetters))
	r.Meter.Put(telemetry.OrdersRepaired, float64(report.Repaired))
	if err := errors.Join(problems...); err != nil {
		return report, fmt.Errorf("reconcile: %w", err)
	}
	return report, nil
}

// forEach does the same for each group, some side by side.
func forEach(groups []group, do func(group)) {
	slots := make(chan struct{}, side)
	var wg sync.WaitGroup
	for _, g := range groups {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(g)
		})
	}
	wg.Wait()
}
