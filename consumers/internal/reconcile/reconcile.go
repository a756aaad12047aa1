// Package reconcile finds, once a minute, the orders, dead letters and seat groups for which no message is under way any more, and
// sends that message. There is one run at a time. A run writes no row of an order that has one, and every part of it may be
// repeated.
//
// deadletters.go drains the dead-letter queues, letter.go decides what a letter leads to, and streamfailure.go keeps letters about
// records of a stream. due.go sends the steps that are late, of the orders that duescan.go reads and picker.go chooses. payments.go
// asks for undelivered events and for audits of the ledger. groups.go chooses the seat groups that a run handles, load.go has them
// loaded and swept, repair.go compares Redis with rows and tickets, and twice.go looks for seats that are sold in two groups.
// freeze.go marks the layouts that are sold, first.go writes which layouts processes read first. view.go writes the overview that operators
// see, of the seats (viewseats.go), the queues (viewqueues.go) and the alarms (viewalarms.go). budget.go divides the time of a
// run, and turn.go decides where a run begins with work that does not fit into one.
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
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Catalogue has the concerts and their layouts. It is safe for concurrent use.
type Catalogue interface {
	// Concerts reads all concerts, and not from memory. With an error it returns those that it could read.
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
	// Layout returns the groups of a layout version. A version that does not exist is a retry.PoisonError with
	// retry.ReasonCatalogueMissing.
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
	// TellFirst writes which layouts a process reads before its first request.
	TellFirst(ctx context.Context, refs []layoutitem.Ref) error
	// Complete returns an error unless every item of a layout version exists and can be read. It does not read from memory.
	Complete(ctx context.Context, concertID string, version int) error
	// Freeze marks a layout version as the one that is sold. done is false, and nothing is written, if the concert has a mark or
	// another version.
	Freeze(ctx context.Context, concertID string, version int) (done bool, err error)
}

// Rows stores the rows and tickets of orders. It is safe for concurrent use.
type Rows interface {
	// DuePage reads, in one call, a page of the index of open orders whose step was due, whatever their concerts. The index is
	// eventually consistent.
	DuePage(ctx context.Context, scan order.DueScan) (order.DuePage, error)
	// ReadMany reads rows consistently; ids without a row are left out.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
	// OpenIDs reads the orders of a group from that index.
	OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error)
	// Tickets reads all tickets of a group consistently: seat name to owner.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
	// PutAll writes rows, each if its order has none, and returns one result for each, in their order.
	PutAll(ctx context.Context, rows []order.Order) []order.PutResult
}

// Groups has the seat groups in Redis, each in the layout version that is sold. A group that is there in another version is not
// loaded. It is safe for concurrent use.
type Groups interface {
	// Maps returns one snapshot for each group. With a *holds.UnreadError the snapshots of all other groups are valid.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
	// Sweep ends some lapsed holds of a group and returns how many orders with lapsed holds are left.
	Sweep(ctx context.Context, g seatstate.GroupVersion) (left int, err error)
	// State reads a whole group atomically. Like Repair it returns holds.ErrNotLoaded if the group is not there.
	State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error)
	// Repair applies changes that were made from a State of this epoch. It skips those whose places have changed since.
	Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error)
}

// Sender sends messages. A nil error means that the queue has all of them. It is safe for concurrent use.
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
	// StreamFailures is the queue of letters about records that the mappings of the streams gave up; nil if there is none.
	StreamFailures DeadLetterQueue
	Letters        Letters
	Ledger         LedgerCursor
	// View is what the overview for operators is made from; nil writes none.
	View *View
	// ChecksPerRun bounds the CheckPayments of a run, each of which is a read at Stripe. The default is 3,000, half of what Stripe
	// allows an account to read in a minute.
	ChecksPerRun int
	Log          *slog.Logger
	Meter        *telemetry.Meter
	Now          func() time.Time

	// What a process remembers saves work and decides nothing. A new process begins without it.
	scanProgress scanProgress
	mu           sync.Mutex // guards last and broken
	// broken counts the broken invariants that the present run has found.
	broken int
	last   map[contracts.SeatGroup]comparison
	// first is what writeFirst has written, valid if firstWritten.
	first        []layoutitem.Ref
	firstWritten bool
}

// Report counts what a run did.
type Report struct {
	// Groups were chosen by the run. Rebuilt of them got a RebuildGroup.
	Groups  int `json:"groups"`
	Rebuilt int `json:"rebuilt"`
	// Frozen are layouts that were marked as the one that is sold.
	Frozen int `json:"frozen"`
	// Due are the orders that the index named. Opened, Checked, Expired and Captured are those whose late step was sent again.
	Due      int `json:"due"`
	Opened   int `json:"opened"`
	Checked  int `json:"checked"`
	Expired  int `json:"expired"`
	Captured int `json:"captured"`
	// Swept are calls of Sweep.
	Swept int `json:"swept"`
	// DeadLetters were kept. Voided are letters that led to a VoidPayment.
	DeadLetters int `json:"deadLetters"`
	Voided      int `json:"voided"`
	// StreamFailures are kept letters about records of a stream.
	StreamFailures int `json:"streamFailures"`
	// Repaired are orders whose places in Redis were changed to what rows and tickets say. Lost are orders that got a
	// SettleOrder, because another order owns one of their seats.
	Repaired int `json:"repaired"`
	Lost     int `json:"lost"`
	// Outside are tickets in groups in which the layout that is sold does not have their seats. Such a seat is sold twice or can be.
	Outside int `json:"outside"`
	// Left is what was not done, for lack of time, by a bound, or after a failure. The next runs do it.
	Left Left `json:"left"`

	// poisoned are letters with a reason, broken the broken invariants that the run has found.
	poisoned, broken int
}

// Left is what a run leaves to the next ones.
type Left struct {
	// Letters could not be kept. Queues of dead letters were not drained to their end.
	Letters int `json:"letters"`
	Queues  int `json:"queues"`
	// Segments of the index of open orders were not read to their end. Due are orders named by the index that were not read or
	// whose message was not sent. Checks are CheckPayments beyond ChecksPerRun.
	Segments int `json:"segments"`
	Due      int `json:"due"`
	Checks   int `json:"checks"`
	// Concerts have groups that the run did not choose. Unknown are chosen groups that Redis did not show. Rebuilds are groups
	// that are not in Redis and got no RebuildGroup.
	Concerts int `json:"concerts"`
	Unknown  int `json:"unknown"`
	Rebuilds int `json:"rebuilds"`
	// Sweeps and Repairs are groups that were not swept or not compared.
	Sweeps  int `json:"sweeps"`
	Repairs int `json:"repairs"`
	// Earlier are layouts of earlier versions in whose groups the run did not look for tickets.
	Earlier int `json:"earlier"`
	// Views are writes of seats for the overview, each of up to 25 concerts, that were not begun.
	Views int `json:"views"`
}

// Run does all parts, also after one of them fails; the next run does what is left. Each part has its own time budget (budget.go),
// so that each part of each run does something. Letters come first, since their work is late and no other part does it. Then come
// the steps that orders wait for, and last the comparison with Redis.
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
	var chosen chosen
	r.takeBroken()
	part := func(do func() error) { p.add(retry.Safely("part", do)) }

	// payments makes a few calls and has no budget of its own. Concurrently with the letters it delays nothing.
	var first sync.WaitGroup
	first.Go(func() { part(func() error { return r.doLetters(ctx, t, &report) }) })
	first.Go(func() { part(func() error { return r.payments(ctx, now, run) }) })
	first.Wait()
	part(func() error { return r.doDue(ctx, t, now, run, &report) })
	part(func() (err error) {
		chosen, err = r.doGroups(ctx, t, now, run, &report)
		return err
	})
	report.broken = r.takeBroken()
	failed := p.err() != nil
	part(func() error { return r.writeView(ctx, t.until(untilView), &report, chosen, failed) })

	r.measure(ctx, report)
	if err := p.err(); err != nil {
		return report, fmt.Errorf("reconcile: %w", err)
	}
	return report, nil
}

func (r *Reconciler) doLetters(ctx context.Context, t runTime, report *Report) error {
	d, err := r.drain(ctx, t.until(untilLetters))
	report.DeadLetters, report.Voided, report.StreamFailures, report.poisoned = d.kept, d.voided, d.streams, d.poisoned
	report.Left.Letters, report.Left.Queues = d.notKept, d.queues
	return err
}

func (r *Reconciler) doDue(ctx context.Context, t runTime, now contracts.Instant, run int64, report *Report) error {
	d, err := r.due(ctx, t, now, run)
	report.Due, report.Opened, report.Checked, report.Expired, report.Captured = d.seen, d.opened, d.checked, d.expired, d.captured
	report.Left.Segments, report.Left.Due, report.Left.Checks = d.segments, d.left, d.checksLeft
	return err
}

// doGroups chooses the groups of the run, and then loads, sweeps and compares them. It returns the groups as they were before that.
func (r *Reconciler) doGroups(ctx context.Context, t runTime, now contracts.Instant, run int64, report *Report) (chosen, error) {
	var p problems
	c, err := r.choose(ctx, t.until(untilGroups), now, run)
	p.add(err)
	report.Groups, report.Left.Concerts, report.Frozen = len(c.all()), c.left, c.frozen

	l, err := r.load(ctx, t.until(untilLoad), c, run)
	p.add(err)
	report.Rebuilt, report.Left.Unknown, report.Left.Rebuilds = l.rebuilt, l.unknown, l.left

	// The groups of soon begin at another place in each run and alternate with the others, so that a run without time for all
	// groups omits other ones than the run before.
	soon := rotated(c.soon, int(fractionOf(run)*float64(len(c.soon))))
	groups := interleaved(soon, c.rest)
	var mu sync.Mutex
	sweepBudget := t.until(untilSweep)
	holding := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return !g.holding() })
	report.Left.Sweeps, err = forEach(sweepBudget, parallelGroups, holding, func(g *group) error {
		calls, err := r.sweep(ctx, sweepBudget, g)
		mu.Lock()
		defer mu.Unlock()
		report.Swept += calls
		return err
	})
	p.add(err)

	r.forget(now)
	loaded := slices.DeleteFunc(groups, func(g *group) bool { return !g.loaded() })
	report.Left.Repairs, err = forEach(t.until(untilRepair), parallelGroups, loaded, func(g *group) error {
		done, err := r.repair(ctx, *g, now, run)
		mu.Lock()
		defer mu.Unlock()
		report.Repaired += done.orders
		report.Lost += done.lost
		return err
	})
	p.add(err)
	report.Outside, report.Left.Earlier, err = r.findSoldTwice(ctx, t.until(untilRepair), c.earlier)
	p.add(err)
	return c, p.err()
}

// reportBroken counts broken invariants, which raise an alarm.
func (r *Reconciler) reportBroken(n int) {
	r.Meter.Put(telemetry.InvariantsBroken, float64(n))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken += n
}

// takeBroken returns what reportBroken has counted since it was last called.
func (r *Reconciler) takeBroken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.broken
	r.broken = 0
	return n
}

// forget deletes comparisons that are too old to save another one.
func (r *Reconciler) forget(now contracts.Instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.last, func(_ contracts.SeatGroup, last comparison) bool { return now >= last.at.Add(compareEvery) })
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
		{"sweep", l.Sweeps}, {"repair", l.Repairs}, {"twice", l.Earlier}, {"view", l.Views},
	} {
		r.Meter.Put(telemetry.ReconcileLeft, float64(part.left), telemetry.Dimension{Name: telemetry.KeyPart, Value: part.name})
		if part.left > 0 {
			r.Log.InfoContext(ctx, "left to the next runs", telemetry.KeyPart, part.name, telemetry.KeyLeft, part.left)
		}
	}
}
