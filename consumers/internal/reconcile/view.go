package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
)

// View is what the overview is made from, beside what a run has read in any case.
type View struct {
	Store   ViewStore
	Depths  Depths
	Lags    LagReader
	Letters LetterList
	// Breakers returns the breakers of this process that are open.
	Breakers func() []readmodel.OpenBreaker
	// Topology has the queues and the alarms.
	Topology topology.Topology
}

// ViewItems are items of the table overview. An item that does not exist, or that this program cannot read because a later one wrote
// it, is nil or missing.
type ViewItems struct {
	Overview *readmodel.Overview
	Sales    *readmodel.Sales
	Settled  *readmodel.SettledOrders
	Concerts map[string]readmodel.ConcertSeats
}

// ViewStore is the table overview. It is safe for concurrent use.
type ViewStore interface {
	// Read reads Overview, Sales and Settled, and the Concerts of these ids.
	Read(ctx context.Context, concertIDs []string) (ViewItems, error)
	// Write puts the items that are not nil, at most MaxViewItems, each as a whole. It does not write Settled.
	Write(ctx context.Context, items ViewItems) error
}

// MaxViewItems is how many items DynamoDB takes in one call.
const MaxViewItems = 25

// QueueDepth is how many messages a queue has, by SQS's approximate count.
type QueueDepth struct {
	Name                       string
	Visible, InFlight, Delayed int
}

// Depths counts the messages of queues. With an error it returns the queues that it could count.
type Depths interface {
	Depths(ctx context.Context) ([]QueueDepth, error)
}

// LagReader returns how long the last decision and the last step of a payment had waited; nil is not known.
type LagReader interface {
	Lags(ctx context.Context) (decisions, payments *time.Duration, err error)
}

// LetterList lists the keys of letters (readmodel.ListLetters, readmodel.ListDifferences), the newest first, from an instant on and
// at most limit. more says that there are others. The index is eventually consistent.
type LetterList interface {
	List(ctx context.Context, list string, from contracts.Instant, limit int) (keys []readmodel.LetterKey, more bool, err error)
}

// differencesWithin bounds how far back a run looks for differences that were found since the last overview.
const differencesWithin = 10 * time.Minute

// facts is what a run knows when it writes the overview.
type facts struct {
	at     contracts.Instant
	report *Report
	chosen chosen
	// failed says that a part of the run has ended with an error.
	failed bool

	before              ViewItems
	depths              map[string]QueueDepth
	decisions, payments *time.Duration
	letters             []readmodel.LetterKey
	moreLetters         bool
	differences         []readmodel.LetterKey
	breakers            []readmodel.OpenBreaker
	missing             map[string]bool
}

// writeView writes the overview, the seats of the concerts that the run has looked at, and the count of free seats. It is the last
// part of a run, so that it shows what the others did.
//
// It reads the overview of the run before, for the history, and the seats of concerts of which the run knows only some groups. If
// they cannot be read it writes nothing: the last overview stays, and says how old it is. Anything else that cannot be read is named
// in Missing.
func (r *Reconciler) writeView(ctx context.Context, budget timeBudget, report *Report, c chosen, failed bool) error {
	if r.View == nil {
		return nil
	}
	f := &facts{at: contracts.InstantOf(r.Now()), report: report, chosen: c, failed: failed, missing: map[string]bool{}}
	halls := hallsOf(c)
	var p problems
	if err := r.gather(ctx, f, partlyKnown(halls), &p); err != nil {
		p.add(err)
		return p.err()
	}
	sales, overview := f.sales(), f.overview(r.View.Topology)
	overview.Orders = r.orderCounts(f)
	var changed []readmodel.ConcertSeats
	totals := f.totalsBefore()
	for _, h := range halls {
		seats, total := f.seatsOf(h)
		changed = append(changed, seats)
		totals = append(totals, total)
		addSales(&sales, h, total, f.at)
	}
	overview.Concerts, overview.LeftOut = f.listed(totals)
	overview.Missing = f.missed()

	left, err := forEach(budget, parallelViews, slices.Collect(slices.Chunk(changed, MaxViewItems)), func(chunk []readmodel.ConcertSeats) error {
		items := ViewItems{Concerts: map[string]readmodel.ConcertSeats{}}
		for _, seats := range chunk {
			items.Concerts[seats.ConcertID] = seats
		}
		return r.View.Store.Write(ctx, items)
	})
	report.Left.Views = left
	p.add(err)
	// Last, since it names the others.
	if err := r.View.Store.Write(ctx, ViewItems{Overview: &overview, Sales: &sales}); err != nil {
		p.add(fmt.Errorf("write overview: %w", err))
	}
	return p.err()
}

// parallelViews bounds the calls that write seats at the same time.
const parallelViews = 4

// gather reads what the run has not read yet, concurrently. The error says that the last overview could not be read.
func (r *Reconciler) gather(ctx context.Context, f *facts, concertIDs []string, p *problems) (err error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	part := func(name string, do func() error) {
		all.Go(func() {
			if err := retry.Safely(name, do); err != nil {
				mu.Lock()
				defer mu.Unlock()
				f.missing[name] = true
				p.add(fmt.Errorf("overview: %s: %w", name, err))
			}
		})
	}
	all.Go(func() {
		err = retry.Safely("overview", func() (err error) {
			f.before, err = r.View.Store.Read(ctx, concertIDs)
			return err
		})
	})
	part(readmodel.PartQueues, func() error {
		depths, err := r.View.Depths.Depths(ctx)
		f.depths = map[string]QueueDepth{}
		for _, d := range depths {
			f.depths[d.Name] = d
		}
		return err
	})
	part(readmodel.PartLags, func() (err error) {
		f.decisions, f.payments, err = r.View.Lags.Lags(ctx)
		return err
	})
	part(readmodel.PartLetters, func() error {
		var errs [2]error
		f.letters, f.moreLetters, errs[0] = r.View.Letters.List(ctx, readmodel.ListLetters, 0, readmodel.MaxLettersCounted)
		f.differences, _, errs[1] = r.View.Letters.List(ctx, readmodel.ListDifferences, f.at.Add(-differencesWithin), readmodel.MaxLettersCounted)
		return errors.Join(errs[0], errs[1])
	})
	all.Wait()
	f.breakers = r.View.Breakers()
	if err != nil {
		return fmt.Errorf("read the last overview: %w", err)
	}
	return nil
}

// orderCounts returns the orders by status. The open ones were counted when the run looked for due orders.
func (r *Reconciler) orderCounts(f *facts) (counts readmodel.OrderCounts) {
	if open, from, ok := r.scanProgress.open(); ok {
		counts.Open, counts.OpenAt = open, from
	}
	if f.report.Left.Segments > 0 || counts.OpenAt == 0 {
		f.missing[readmodel.PartOrders] = true
	}
	if s := f.before.Settled; s != nil {
		counts.Settled, counts.SettledSince = s.ByStatus(), s.Since
	} else {
		f.missing[readmodel.PartSettled] = true
	}
	return counts
}

// missed returns the parts that could not be read, in a fixed order.
func (f *facts) missed() (parts []string) {
	for _, part := range []string{
		readmodel.PartQueues, readmodel.PartLags, readmodel.PartLetters, readmodel.PartOrders, readmodel.PartSettled, readmodel.PartSeats,
	} {
		if f.missing[part] {
			parts = append(parts, part)
		}
	}
	return parts
}
