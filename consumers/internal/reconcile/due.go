package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Times after the end of an order's hold. Until checkUntil each run sends CheckPayment, since the buyer may just have paid; from
// expireAfter on it sends ExpireHold.
const (
	checkUntil  = 10 * time.Second
	expireAfter = 15 * time.Second
)

// Orders are handled in waves: the rows of a wave are read and its messages sent before the next wave is read.
const (
	waveSize      = 1000 // orders
	rowsPerRead   = 100
	sendSize      = 10 // messages in one send, all of one queue
	parallelSends = 8
)

// sentSteps counts the steps that were sent again.
type sentSteps struct{ opened, checked, expired, captured int }

func (s *sentSteps) count(m message.Message) {
	switch m.Kind() {
	case message.KindOpenPayment:
		s.opened++
	case message.KindCheckPayment:
		s.checked++
	case message.KindExpireHold:
		s.expired++
	case message.KindCapturePayment:
		s.captured++
	}
}

// dueReport counts the orders whose step was due.
type dueReport struct {
	sentSteps
	// seen counts the orders that the index named; left counts those of them that were not read, or whose message was not sent.
	// checksLeft counts CheckPayments beyond what Stripe allows; segments counts segments of the index that were not read to
	// their end.
	seen, left, checksLeft, segments int
}

// due sends the next step of each order whose step is late, because its message was lost or is a dead letter. It reads all orders
// of the index, whatever the concert: a concert that is over, was closed early or postponed, or has no frozen layout may have open
// orders too.
func (r *Reconciler) due(ctx context.Context, t runTime, now contracts.Instant, run int64) (report dueReport, err error) {
	var p problems
	found := newPicker(now, run)
	report.segments, err = r.scan(ctx, t.until(untilScan), now, run, found)
	p.add(err)
	fresh, old, left := found.picked()
	report.seen, report.left = len(fresh)+len(old)+left, left

	checks := r.checksPerRun()
	budget := t.until(untilDue)
	// Fresh and old orders alternate, so that neither kind waits for all of the other.
	for i, ids := range interleaved(slices.Collect(slices.Chunk(fresh, waveSize)), slices.Collect(slices.Chunk(old, waveSize))) {
		if i > 0 && budget.spent() {
			report.left += len(ids)
			continue
		}
		done, err := r.sendWave(ctx, budget, ids, now, run, checks-report.checked)
		p.add(err)
		report.add(done)
	}
	return report, p.err()
}

func (r *dueReport) add(o dueReport) {
	r.opened += o.opened
	r.checked += o.checked
	r.expired += o.expired
	r.captured += o.captured
	r.left += o.left
	r.checksLeft += o.checksLeft
}

// defaultChecks is half of what Stripe allows an account to read in a minute. The other half is for all other reads.
const defaultChecks = 3000

func (r *Reconciler) checksPerRun() int { return cmp.Or(r.ChecksPerRun, defaultChecks) }

// lateStep is a message for an order whose step is late, with the end of the order's hold.
type lateStep struct {
	message.Message
	encoded message.Encoded
	end     contracts.Instant
}

// sendWave reads the rows of some orders and sends the steps that are late, among them at most checks CheckPayments.
func (r *Reconciler) sendWave(
	ctx context.Context, budget timeBudget, ids []order.Due, now contracts.Instant, run int64, checks int,
) (report dueReport, err error) {
	var p problems
	rows, unread, err := r.readWave(ctx, budget, ids)
	p.add(err)
	report.left = unread

	var late []lateStep
	for _, row := range rows {
		step := next(row, now, run)
		if step == nil {
			continue
		}
		encoded, err := message.Encode(step, "")
		if err != nil {
			// No handler writes such a row. The other orders get their steps.
			p.add(fmt.Errorf("order %s: %w", row.OrderID, err))
			report.left++
			continue
		}
		late = append(late, lateStep{Message: step, encoded: encoded, end: row.HoldExpiresAt})
	}
	late, report.checksLeft = withinChecks(late, checks)

	byQueue := map[message.Queue][]lateStep{}
	for _, l := range late {
		byQueue[l.encoded.Queue] = append(byQueue[l.encoded.Queue], l)
	}
	var sends [][]lateStep
	for _, queue := range []message.Queue{message.QueueOrders, message.QueuePayments} {
		sends = append(sends, slices.Collect(slices.Chunk(byQueue[queue], sendSize))...)
	}
	var mu sync.Mutex
	sent := 0
	_, err = forEach(budget, parallelSends, sends, func(chunk []lateStep) error {
		messages := make([]message.Encoded, len(chunk))
		for i, l := range chunk {
			messages[i] = l.encoded
		}
		if err := r.Sender.Send(ctx, messages...); err != nil {
			return fmt.Errorf("send late steps: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, l := range chunk {
			report.count(l.Message)
		}
		sent += len(chunk)
		return nil
	})
	p.add(err)
	report.left += len(late) - sent
	return report, p.err()
}

// withinChecks returns the steps with at most checks CheckPayments, for the orders whose holds end first. left counts the other
// CheckPayments.
func withinChecks(late []lateStep, checks int) (within []lateStep, left int) {
	slices.SortStableFunc(late, func(a, b lateStep) int { return cmp.Compare(a.end, b.end) })
	within = slices.DeleteFunc(late, func(l lateStep) bool {
		if l.Kind() != message.KindCheckPayment {
			return false
		}
		if checks--; checks >= 0 {
			return false
		}
		left++
		return true
	})
	return within, left
}

// readWave reads rows, in no order. left counts those that it could not read or did not begin to read.
func (r *Reconciler) readWave(ctx context.Context, budget timeBudget, ids []order.Due) (rows []order.Order, left int, err error) {
	var mu sync.Mutex
	var reads [][]contracts.OrderID
	for chunk := range slices.Chunk(ids, rowsPerRead) {
		read := make([]contracts.OrderID, len(chunk))
		for i, d := range chunk {
			read[i] = d.OrderID
		}
		reads = append(reads, read)
	}
	unread := len(ids)
	_, err = forEach(budget, parallelReads, reads, func(ids []contracts.OrderID) error {
		read, failed, err := r.readHalving(ctx, budget, ids)
		mu.Lock()
		defer mu.Unlock()
		rows = append(rows, read...)
		unread -= len(ids) - failed
		return err
	})
	return rows, unread, err
}

// readHalving reads rows. If the read fails, it reads each half, and so on, so that a row that cannot be read does not keep the
// others from being read. It does not do so if the store does not respond. failed counts the rows that it could not read.
func (r *Reconciler) readHalving(ctx context.Context, budget timeBudget, ids []contracts.OrderID) (rows []order.Order, failed int, err error) {
	rows, err = r.Rows.ReadMany(ctx, ids)
	switch {
	case err == nil:
		return rows, 0, nil
	case len(ids) == 1, budget.spent(), errors.Is(err, retry.ErrBreakerOpen), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return nil, len(ids), fmt.Errorf("read %d due orders from %s on: %w", len(ids), ids[0], err)
	}
	first, failed, err := r.readHalving(ctx, budget, ids[:len(ids)/2])
	second, more, err2 := r.readHalving(ctx, budget, ids[len(ids)/2:])
	return append(first, second...), failed + more, errors.Join(err, err2)
}

// next returns the message of the order's step that is late, nil if none is. It contains the number of the run, so that
// deduplication does not drop it.
func next(row order.Order, now contracts.Instant, run int64) message.Message {
	switch {
	case now < row.DueAt:
		return nil
	case row.Status.Open() && now >= row.HoldExpiresAt.Add(expireAfter):
		return message.ExpireHold{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run}
	case row.Status == contracts.Held:
		return message.OpenPayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run}
	case row.Status == contracts.AwaitingPayment && now < row.HoldExpiresAt.Add(checkUntil):
		return message.CheckPayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, CauseID: commandOf(run)}
	case row.Status == contracts.Committed:
		return message.CapturePayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run}
	default:
		return nil
	}
}
