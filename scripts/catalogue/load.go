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

// Target is where the catalogue is loaded to.
type Target struct {
	DynamoDB       *dynamodb.Client
	SQS            *sqs.Client
	ConcertsTable  string
	LayoutsTable   string
	OrdersQueueURL string
}

// Options of Load. Now and CommandID are required.
type Options struct {
	// DryRun reads and checks everything and writes and sends nothing.
	DryRun bool
	// Now decides which sales are open.
	Now func() time.Time
	// CommandID is unique to this load, at most 36 characters: a repeated id would be dropped as a duplicate by SQS.
	CommandID string
	// Parallel is how many batches of messages are sent at a time; 0 is one.
	Parallel int
	// Progress is called with one line a concert; nil for none.
	Progress func(line string)
}

// Report says what a load did, or in a dry run would have done.
type Report struct {
	Concerts      int `json:"concerts"`
	LayoutItems   int `json:"layoutItems"`
	LayoutWritten int `json:"layoutWritten"`
	Rebuilds      int `json:"rebuilds"`
	// NotInFiles are the concerts that are in the store and not among the entries, by id. They are left as they are: a file that
	// was cut short must not end sales.
	NotInFiles []NotInFiles `json:"notInFiles"`
}

// NotInFiles is such a concert with the state of its sale.
type NotInFiles struct {
	ConcertID string              `json:"concertId"`
	Status    readmodel.SaleState `json:"status"`
}

// Errors that Load refuses a catalogue with. They name what differs.
var (
	// ErrFrozen: a stored layout differs from the catalogue's. Orders refer to it, so it is never changed; a new seating is a
	// new layout version.
	ErrFrozen = errors.New("a layout version is frozen")
	// ErrOnSale: the catalogue has another layout version than the one on sale. Regrouping seats under running orders
	// would sell a seat twice.
	ErrOnSale = errors.New("the layout of a concert on sale cannot change")
)

// Load writes the entries, in their order: for each concert the layout items that are missing, the concert's row, then, if its
// sale is near or open, the mark that its layout is complete and frozen, without which no order is taken. Then it sends
// RebuildGroup for every group of each concert on sale. A cancelled concert stays cancelled. At the end it names the concerts that
// are stored and not among the entries.
//
// It may be repeated, and stopped anywhere: what is there is compared and left, and the mark comes only after every
// item. Two loads at once are safe, since each write is conditional; one of them may then report a conflict.
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
	return l.report, l.nameOthers(ctx, entries)
}

// nameOthers reports the concerts that are stored and not among the entries.
func (l *loader) nameOthers(ctx context.Context, entries []Entry) error {
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
		l.options.Progress(fmt.Sprintf("%s: %s, is stored and not in the files; it is left as it is, and `catalogue cancel` would end its sale", other.ConcertID, other.Status))
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
			return fmt.Errorf("%w: version %d is stored, a version never goes back to %d", ErrFrozen, stored.LayoutVersion, e.Concert.LayoutVersion)
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
		// Earlier it is reconcile that sets the mark, when the sale is near: until then the seating plan may be mended.
		if e.Concert.FreezeDue(now) {
			if err := l.freeze(ctx, e.Concert); err != nil {
				return err
			}
		}
	}
	onSale := e.Concert
	onSale.LayoutFrozen, onSale.CancelledAt = onSale.LayoutVersion, stored.CancelledAt
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

// rebuild asks for every group to be loaded into Redis. A group that is there already in this layout version is left alone by
// the handler.
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
	return sideBySide(ctx, l.options.Parallel, slices.Collect(slices.Chunk(messages, maxBatch)), l.send)
}
