package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Target is where Load writes and sends.
type Target struct {
	DynamoDB       *dynamodb.Client
	SQS            *sqs.Client
	ConcertsTable  string
	LayoutsTable   string
	OrdersQueueURL string
}

// Options of Load. Now and CommandID are required.
type Options struct {
	// DryRun: Load reads and checks everything, and writes and sends nothing.
	DryRun bool
	// Now decides which sales are open.
	Now func() time.Time
	// CommandID is unique to this load and has at most 36 characters. SQS would drop messages with a repeated id as duplicates.
	CommandID string
	// Parallel bounds how many batches of messages are sent at once; 0 means one.
	Parallel int
	// Progress, if set, is called with a line for each concert.
	Progress func(line string)
}

// Report is what a load did, or would have done without DryRun.
type Report struct {
	Concerts      int `json:"concerts"`
	LayoutItems   int `json:"layoutItems"`
	LayoutWritten int `json:"layoutWritten"`
	Rebuilds      int `json:"rebuilds"`
	// Cancelled is how many concerts were cancelled because the catalogue says so.
	Cancelled int `json:"cancelled"`
	// NotInFiles are the concerts that are stored and not among the entries, sorted by id. Load does not change them: an incomplete
	// file must not end sales.
	NotInFiles []NotInFiles `json:"notInFiles"`
}

// NotInFiles is a concert that is stored and not among the entries, with the state of its sale.
type NotInFiles struct {
	ConcertID string              `json:"concertId"`
	Status    readmodel.SaleState `json:"status"`
}

// Errors with which Load refuses a catalogue. They name what differs.
var (
	// ErrFrozen: a stored layout differs from the catalogue's. Orders refer to it, so it never changes. A new seating needs a new
	// layout version.
	ErrFrozen = errors.New("a layout version is frozen")
	// ErrOnSale: the catalogue has another layout version than the one on sale. Moving seats to other groups during the sale could
	// sell a seat twice.
	ErrOnSale = errors.New("the layout of a concert on sale cannot change")
)

// Load writes the entries in order. For each concert it writes the missing layout items, the concert's row, and, if the sale is
// near or open, the mark that the layout is complete and frozen; without the mark no order is accepted. Then it sends
// RebuildGroup for every group of a concert on sale. It cancels the concerts that the entries call cancelled, and a cancelled
// concert stays cancelled. At the end it reports the concerts that are stored and not among the entries.
//
// Load may be repeated and interrupted: it compares existing items and does not change them, and sets the mark only after every
// item is written. Two loads at once are safe, since each write is conditional; one of them may report a conflict.
func Load(ctx context.Context, target Target, entries []Entry, options Options) (Report, error) {
	if options.Progress == nil {
		options.Progress = func(string) {}
	}
	l := loader{target: target, options: options, report: Report{NotInFiles: []NotInFiles{}}}
	for _, e := range entries {
		if err := l.concert(ctx, e); err != nil {
			return l.report, fmt.Errorf("load concert %s: %w", e.Concert.ConcertID, err)
		}
	}
	return l.report, l.reportOthers(ctx, entries)
}

// reportOthers reports the concerts that are stored and not among the entries.
func (l *loader) reportOthers(ctx context.Context, entries []Entry) error {
	concerts, err := l.storedConcerts(ctx)
	if err != nil {
		return err
	}
	now := contracts.InstantOf(l.options.Now())
	for _, c := range concerts {
		if slices.ContainsFunc(entries, func(e Entry) bool { return e.Concert.ConcertID == c.ConcertID }) {
			continue
		}
		other := NotInFiles{ConcertID: c.ConcertID, Status: c.Sale(now)}
		l.report.NotInFiles = append(l.report.NotInFiles, other)
		l.options.Progress(fmt.Sprintf("%s: %s, is stored and not in the files; it is not changed, and `catalogue cancel` would end its sale", other.ConcertID, other.Status))
	}
	return nil
}

type loader struct {
	target  Target
	options Options
	report  Report
}

func (l *loader) concert(ctx context.Context, e Entry) error {
	stored, found, err := l.storedConcert(ctx, e.Concert.ConcertID)
	if err != nil {
		return err
	}
	now := contracts.InstantOf(l.options.Now())
	if found && stored.LayoutVersion != e.Concert.LayoutVersion {
		switch {
		case e.Concert.LayoutVersion < stored.LayoutVersion:
			return fmt.Errorf("%w: version %d is stored, and the version cannot go back to %d", ErrFrozen, stored.LayoutVersion, e.Concert.LayoutVersion)
		case stored.LayoutFrozen != 0:
			return fmt.Errorf("%w: version %d is frozen since shortly before its sale, the catalogue has %d; end the concert and sell it under a new id", ErrOnSale, stored.LayoutFrozen, e.Concert.LayoutVersion)
		case stored.CancelledAt == 0 && stored.Sale(now) != readmodel.SaleScheduled:
			return fmt.Errorf("%w: version %d is on sale, the catalogue has %d", ErrOnSale, stored.LayoutVersion, e.Concert.LayoutVersion)
		}
	}
	written, err := l.layout(ctx, e)
	if err != nil {
		return err
	}
	if !l.options.DryRun {
		if err := l.putConcert(ctx, e.Concert, stored, found); err != nil {
			return err
		}
		// Before the mark: without it no order is accepted.
		if e.Cancelled {
			if _, err := Cancel(ctx, l.target, e.Concert.ConcertID, false, l.options.Now); err != nil {
				return err
			}
		}
		// Until its sale is near, the seating plan may still be corrected. reconcile sets the mark when the sale is near.
		if e.Concert.FreezeDue(now) {
			if err := l.freeze(ctx, e.Concert); err != nil {
				return err
			}
		}
	}
	onSale := e.Concert
	onSale.LayoutFrozen, onSale.CancelledAt = onSale.LayoutVersion, stored.CancelledAt
	if e.Cancelled && stored.CancelledAt == 0 {
		onSale.CancelledAt = now
		l.report.Cancelled++
	}
	rebuilds := 0
	if onSale.Sale(now) == readmodel.SaleOpen {
		rebuilds = len(e.Groups)
		if err := l.rebuild(ctx, e); err != nil {
			return err
		}
	}
	l.report.Concerts++
	l.report.LayoutItems += len(layoutitem.Uses)
	l.report.LayoutWritten += written
	l.report.Rebuilds += rebuilds
	l.options.Progress(fmt.Sprintf("%s: %s, %d seats in %d groups, %d layout items new, %d groups to load",
		e.Concert.ConcertID, onSale.Sale(now), e.Seats(), len(e.Groups), written, rebuilds))
	return nil
}

// rebuild sends RebuildGroup for every group. The handler does nothing for a group that is loaded in this layout version.
func (l *loader) rebuild(ctx context.Context, e Entry) error {
	messages := make([]message.Encoded, 0, len(e.Groups))
	for _, g := range e.Groups {
		m := message.RebuildGroup{ConcertID: e.Concert.ConcertID, Group: g.Group, CommandID: l.options.CommandID}
		encoded, err := message.Encode(m, "")
		if err != nil {
			return err
		}
		messages = append(messages, encoded)
	}
	if l.options.DryRun {
		return nil
	}
	return inParallel(ctx, l.options.Parallel, slices.Collect(slices.Chunk(messages, maxBatch)), l.send)
}
