// Package reconcile looks, once a minute, for orders, letters and seat groups that no message will move on any more, and
// sends the message that does. There is one run at a time. It writes no order that has a row; each part may be repeated.
//
// deadletters.go drains the dead-letter queues, letter.go has what a letter leads to, streamfailure.go keeps letters about records
// of a stream. due.go sends the steps that are late,
// of the orders that duescan.go and picker.go find. payments.go asks for what Stripe could not deliver. groups.go chooses
// the seat groups of concerts on sale that a run looks at, load.go has them loaded and swept, repair.go compares what Redis
// has of them with rows and tickets, twice.go looks for seats that are sold in two groups. share.go divides the time of a run, turn.go says where a run begins with what does not
// fit into one.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Catalogue answers what is or will be on sale.
type Catalogue interface {
	// Concerts reads all concerts, past any memory. Beside an error it returns those that it could read.
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
	// TellFirst writes which layouts a process reads before its first request.
	TellFirst(ctx context.Context, refs []layoutitem.Ref) error
	// Complete is an error unless every item of a layout version is there and can be read. It reads past any memory.
	Complete(ctx context.Context, concertID string, version int) error
	// Freeze marks a layout as the one that is sold, if the concert has no mark and that version; it returns false if not.
	Freeze(ctx context.Context, concertID string, version int) (done bool, err error)
}

// Rows are the orders.
type Rows interface {
	// DuePage reads a page of the index of open orders whose step was due, whatever their concerts: one call. The index is
	// eventually consistent.
	DuePage(ctx context.Context, scan order.DueScan) (order.DuePage, error)
	// ReadMany is a consistent read of rows; ids without a row are left out.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
	// OpenIDs reads the index of orders with a due step in a group. It is eventually consistent.
	OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error)
	// Tickets is a consistent read of all tickets of a group: seat name to owner.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
	PutAll(ctx context.Context, rows []order.Order) []order.PutResult
}

// Groups are the seat groups in Redis, each in the layout version that is sold. One that is there in another version is
// answered as not loaded.
type Groups interface {
	// Maps answers a snapshot a group. A *holds.UnreadError comes beside those that were read.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
	// Sweep ends some orders that hold something past its lapse, and answers how many are left.
	Sweep(ctx context.Context, g seatstate.GroupVersion) (left int, err error)
	// State reads a whole group at one instant. It answers holds.ErrNotLoaded when the group is not there, as Repair does.
	State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error)
	// Repair writes changes that were made from a State of this epoch; what has moved since is skipped.
	Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error)
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
	// StreamFailures has letters about records that the mappings of the streams gave up; nil if there is none.
	StreamFailures DeadLetterQueue
	Letters        Letters
	Ledger         LedgerCursor
	// ChecksPerRun is the most orders whose payment a run asks Stripe for. Default 3,000: half of what Stripe allows an account
	// to read in a minute.
	ChecksPerRun int
	Log          *slog.Logger
	Meter        *telemetry.Meter
	Now          func() time.Time

	// What a process remembers saves work and decides nothing: a new one begins without it.
	scanned scanned
	mu      sync.Mutex
	last    map[contracts.SeatGroup]compared
	// first is what tellFirst has written, if toldFirst.
	first     []layoutitem.Ref
	toldFirst bool
}

// Report counts what a run did.
type Report struct {
	// Groups are those that the run looked at.
	Groups  int `json:"groups"`
	Rebuilt int `json:"rebuilt"`
	// Frozen are layouts that were marked as the one that is sold.
	Frozen int `json:"frozen"`
	// Due are the orders that the index named. Opened, Checked, Expired and Captured are those whose step was late and was
	// sent again.
	Due      int `json:"due"`
	Opened   int `json:"opened"`
	Checked  int `json:"checked"`
	Expired  int `json:"expired"`
	Captured int `json:"captured"`
	Swept    int `json:"swept"`
	// DeadLetters were kept, and Voided of them led to a VoidPayment.
	DeadLetters int `json:"deadLetters"`
	Voided      int `json:"voided"`
	// StreamFailures are letters about records of a stream that were kept.
	StreamFailures int `json:"streamFailures"`
	// Repaired and Lost are orders: those whose places in Redis were brought to what rows and tickets say, and those that
	// were told that their seat is another's.
	Repaired int `json:"repaired"`
	Lost     int `json:"lost"`
	// Outside are tickets in groups where the layout that is sold does not have their seats: such a seat is sold twice, or can be.
	Outside int `json:"outside"`
	// Left is what was not done because there was no time, because of a bound, or because it failed. The next runs do it.
	Left Left `json:"left"`
}

// Left is what a run leaves to the next ones.
type Left struct {
	// Letters could not be kept; Queues of dead letters were not drained to their end.
	Letters int `json:"letters"`
	Queues  int `json:"queues"`
	// Segments of the index of open orders were not read to their end. Due are orders that it named and that were not read, or
	// whose message was not sent; Checks are looks at Stripe beyond ChecksPerRun.
	Segments int `json:"segments"`
	Due      int `json:"due"`
	Checks   int `json:"checks"`
	// Concerts have groups that the run did not look at; of those that it did, Unknown were not shown by Redis.
	Concerts int `json:"concerts"`
	Unknown  int `json:"unknown"`
	Rebuilds int `json:"rebuilds"`
	// Sweeps and Repairs are groups that were to be swept or compared.
	Sweeps  int `json:"sweeps"`
	Repairs int `json:"repairs"`
	// Earlier are layouts from before the one that is sold in whose groups no tickets were looked for.
	Earlier int `json:"earlier"`
}

// Run does all parts. If one fails, the others are done all the same, and the next run does what is left. Each part has its
// share of the time (share.go), so that each part of each run does something. Letters come first: what a letter was to do is
// late already, and no other part does it. Then come the steps that orders wait for, and the comparison with Redis last.
func (r *Reconciler) Run(ctx context.Context) (Report, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	t := timeOf(ctx, r.Now)
	now := contracts.InstantOf(t.begin)
	run := int64(now) / time.Minute.Milliseconds()
	var report Report
	var p problems
	part := func(do func() error) { p.add(safely(do)) }

	// What is asked of Stripe takes a few calls and has no share of its own. Beside the letters it delays nothing.
	var first sync.WaitGroup
	first.Go(func() { part(func() error { return r.doLetters(ctx, t, &report) }) })
	first.Go(func() { part(func() error { return r.payments(ctx, now, run) }) })
	first.Wait()
	part(func() error { return r.doDue(ctx, t, now, run, &report) })
	part(func() error { return r.doGroups(ctx, t, now, run, &report) })

	r.measure(ctx, report)
	if err := p.err(); err != nil {
		return report, fmt.Errorf("reconcile: %w", err)
	}
	return report, nil
}

func (r *Reconciler) doLetters(ctx context.Context, t runTime, report *Report) error {
	d, err := r.drain(ctx, t.until(untilLetters))
	report.DeadLetters, report.Voided, report.StreamFailures, report.Left.Letters, report.Left.Queues = d.kept, d.voided, d.streams, d.notKept, d.queues
	return err
}

func (r *Reconciler) doDue(ctx context.Context, t runTime, now contracts.Instant, run int64, report *Report) error {
	d, err := r.due(ctx, t, now, run)
	report.Due, report.Opened, report.Checked, report.Expired, report.Captured = d.seen, d.opened, d.checked, d.expired, d.captured
	report.Left.Segments, report.Left.Due, report.Left.Checks = d.segments, d.left, d.checksLeft
	return err
}

// doGroups chooses the groups of the run, and then loads, sweeps and compares them.
func (r *Reconciler) doGroups(ctx context.Context, t runTime, now contracts.Instant, run int64, report *Report) error {
	var p problems
	c, err := r.choose(ctx, t.until(untilGroups), now, run)
	p.add(err)
	report.Groups, report.Left.Concerts, report.Frozen = len(c.all()), c.left, c.frozen

	l, err := r.load(ctx, t.until(untilLoad), c, run)
	p.add(err)
	report.Rebuilt, report.Left.Unknown, report.Left.Rebuilds = l.rebuilt, l.unknown, l.left

	// The groups of sales that are soon begin at another place in each run, and alternate with the others, so that a run
	// without time for all leaves out other groups than the run before.
	soon := rotated(c.soon, int(fractionOf(run)*float64(len(c.soon))))
	groups := interleaved(soon, c.rest)
	var mu sync.Mutex
	sweeping := t.until(untilSweep)
	holding := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return !g.holding() })
	report.Left.Sweeps, err = each(sweeping, parallelGroups, holding, func(g *group) error {
		calls, err := r.sweep(ctx, sweeping, g)
		mu.Lock()
		defer mu.Unlock()
		report.Swept += calls
		return err
	})
	p.add(err)

	r.forget(now)
	loaded := slices.DeleteFunc(groups, func(g *group) bool { return !g.loaded() })
	report.Left.Repairs, err = each(t.until(untilRepair), parallelGroups, loaded, func(g *group) error {
		done, err := r.repair(ctx, *g, now, run)
		mu.Lock()
		defer mu.Unlock()
		report.Repaired += done.orders
		report.Lost += done.lost
		return err
	})
	p.add(err)
	report.Outside, report.Left.Earlier, err = r.twice(ctx, t.until(untilRepair), c.earlier)
	p.add(err)
	return p.err()
}

// forget drops comparisons that are too old to save one.
func (r *Reconciler) forget(now contracts.Instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.last, func(_ contracts.SeatGroup, last compared) bool { return now >= last.at.Add(compareEvery) })
}

// measure reports what the run did and what it left.
func (r *Reconciler) measure(ctx context.Context, report Report) {
	r.Meter.Put(telemetry.StepsRepeated, float64(report.Opened+report.Expired+report.Captured+report.Rebuilt+report.Lost))
	r.Meter.Put(telemetry.DeadLettersDrained, float64(report.DeadLetters))
	r.Meter.Put(telemetry.LettersNotKept, float64(report.Left.Letters))
	r.Meter.Put(telemetry.StreamFailures, float64(report.StreamFailures))
	r.Meter.Put(telemetry.OrdersRepaired, float64(report.Repaired))
	l := report.Left
	for _, part := range []struct {
		name string
		left int
	}{
		{"letters", l.Letters + l.Queues}, {"due", l.Segments + l.Due + l.Checks}, {"groups", l.Concerts}, {"load", l.Unknown + l.Rebuilds},
		{"sweep", l.Sweeps}, {"repair", l.Repairs}, {"twice", l.Earlier},
	} {
		r.Meter.Put(telemetry.ReconcileLeft, float64(part.left), telemetry.Dimension{Name: telemetry.KeyPart, Value: part.name})
		if part.left > 0 {
			r.Log.InfoContext(ctx, "left to the next runs", telemetry.KeyPart, part.name, telemetry.KeyLeft, part.left)
		}
	}
}
