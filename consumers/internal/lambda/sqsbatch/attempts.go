package sqsbatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Attempts stores notes of attempts that have started and not yet ended, outside the process, which may crash in them. Its
// methods block no longer than their context allows, and are called concurrently for different messages.
type Attempts interface {
	// Begin adds one note of an attempt at a message that starts at the time at. It returns the start times of the message's
	// earlier notes, oldest first; a start that is not known is the zero time. It must add exactly one note, since an extra one
	// may count as a crash. After an error the note may have been added, except after ErrNotNoted and retry.ErrBreakerOpen.
	Begin(ctx context.Context, messageID string, at time.Time) (before []time.Time, err error)
	// End deletes all notes of a message, if there are any. It must try also while calls to the store fail: an attempt that
	// has ended must not look like one that has not.
	End(ctx context.Context, messageID string) error
}

// ErrNotNoted says that Begin has written nothing.
var ErrNotNoted = errors.New("the attempt is not noted")

const (
	// notedFrom is the receive count from which on an attempt at a head is noted. The first receive leaves no note, because
	// nearly all messages are received only once.
	notedFrom = 2
	// maxLost is the number of lost attempts that makes a message poison. With the first receive, which is not noted, that is
	// three crashes.
	maxLost = 2
	// visibilityTTL is how long the queue's visibility timeout is cached.
	visibilityTTL = time.Minute
)

// notes is the state of the notes of one group's part of a batch.
type notes struct {
	// functionTime is the time that the invocation had at its start, 0 if its context has no deadline.
	functionTime time.Duration
	// deleteFailed is set when a note could not be deleted.
	deleteFailed bool
	// untilPartEnds are the messages whose notes are deleted when the part ends: the message that is being handled, or the head.
	untilPartEnds []string
	// untilBatchEnds are acknowledged messages whose notes are deleted when the batch ends. If another group kills the function
	// before that, they are redelivered, and their notes must still be known.
	untilBatchEnds []string
	// poisoned is set while the current message is poison because of its notes.
	poisoned bool
	// oneByOne is set when a note shows that an earlier attempt at this part was lost. The rest of the part is then handled one
	// message at a time, each with a note, to find the message that causes it.
	oneByOne bool
}

// note notes an attempt at the group's next message if the rules require a note. lost is the number of its earlier attempts
// that were lost.
func (b *Batches) note(ctx context.Context, g *group) (noted bool, lost int, err error) {
	m := g.items[g.next]
	g.notes.poisoned = false
	isHead := g.next == 0 && m.ReceiveCount >= notedFrom
	if b.options.Attempts == nil || (!isHead && !g.notes.oneByOne) {
		return false, 0, nil
	}
	g.notes.untilPartEnds = append(g.notes.untilPartEnds, m.MessageID)
	lost, err = b.begin(ctx, g, m.MessageID)
	if err != nil {
		if errors.Is(err, retry.ErrBreakerOpen) || errors.Is(err, ErrNotNoted) {
			// There is no note to delete, and during an outage a delete would only fail.
			g.notes.untilPartEnds = g.notes.untilPartEnds[:len(g.notes.untilPartEnds)-1]
		}
		return true, 0, err
	}
	g.notes.oneByOne = g.notes.oneByOne || lost > 0
	g.notes.poisoned = lost >= maxLost
	return true, lost, nil
}

// endAttempt is called for each noted message that was handled and acknowledged. Unless the part is handled one by one, the
// head's note stays until the part ends, so that it also shows a crash in the followers, which have no notes.
func (b *Batches) endAttempt(ctx context.Context, g *group, m item) {
	if !g.notes.oneByOne {
		return
	}
	b.deletePartNotes(ctx, g)
	if m.MessageID != g.items[0].MessageID || len(g.items) == 1 {
		return
	}
	// The head's attempt has ended. But a crash in its followers must still show, or the next receive would handle them
	// together again. So the head gets a new note. If that fails, it only takes more crashes to find the message that causes
	// them.
	g.notes.untilBatchEnds = append(g.notes.untilBatchEnds, m.MessageID)
	if _, err := b.begin(ctx, g, m.MessageID); err != nil {
		b.options.Logger.WarnContext(ctx, "attempt not noted", telemetry.KeyMessage, m.MessageID, telemetry.KeyError, err.Error())
	}
}

// endPoisoned takes the notes of a message that is poison because of them out of those that are deleted with the part. If the
// message was buried, they are deleted with the batch; if not, they stay.
func (g *group) endPoisoned(buried bool) {
	if buried {
		g.notes.untilBatchEnds = append(g.notes.untilBatchEnds, g.notes.untilPartEnds...)
	}
	g.notes.untilPartEnds = nil
}

// deleteBatchNotes deletes the notes that stay until every group of the batch has ended. The deletes share one time limit,
// because the response waits for them. A note that is left does no harm, because its message is acknowledged.
func (b *Batches) deleteBatchNotes(ctx context.Context, groups []*group) {
	ctx, cancel := deleteContext(ctx, 0)
	defer cancel()
	for _, g := range groups {
		for _, id := range g.notes.untilBatchEnds {
			b.deleteNotes(ctx, g, id)
		}
	}
}

// deletePartNotes deletes the notes of attempts that have ended in order, whatever their outcomes. It leaves time to return the
// rest of the part.
func (b *Batches) deletePartNotes(ctx context.Context, g *group) {
	ctx, cancel := deleteContext(ctx, step)
	defer cancel()
	for _, id := range g.notes.untilPartEnds {
		b.deleteNotes(ctx, g, id)
	}
	g.notes.untilPartEnds = nil
}

// deleteNotes deletes the notes of one message.
func (b *Batches) deleteNotes(ctx context.Context, g *group, id string) {
	if err := retry.Safely("end of an attempt", func() error { return b.options.Attempts.End(ctx, id) }); err != nil {
		// The extra note is deleted by a later attempt that ends.
		g.notes.deleteFailed = true
		b.options.Logger.WarnContext(ctx, "note of an attempt not deleted", telemetry.KeyMessage, id, telemetry.KeyError, err.Error())
	}
}

// begin notes an attempt and returns how many earlier ones were lost.
func (b *Batches) begin(ctx context.Context, g *group, id string) (lost int, err error) {
	ctx, cancel := b.withinBudget(ctx)
	defer cancel()
	at := b.options.Now()
	var before []time.Time
	err = retry.Safely("begin of an attempt", func() (err error) {
		before, err = b.options.Attempts.Begin(ctx, id, at)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(before) == 0 {
		return 0, nil
	}
	return countLost(before, at, b.minCrashDelay(ctx, g)), nil
}

// countLost counts the earlier attempts that may have been lost. After a crash a message is redelivered no sooner than
// minCrashDelay after its note. If the next attempt began sooner, the message had been returned: the attempt had ended, and only
// its note could not be deleted.
func countLost(before []time.Time, at time.Time, minCrashDelay time.Duration) (lost int) {
	for i, begun := range before {
		next := at
		if i+1 < len(before) {
			next = before[i+1]
		}
		if begun.IsZero() || next.Sub(begun) >= minCrashDelay {
			lost++
		}
	}
	return lost
}

// minCrashDelay returns the minimum time from the note of an attempt that kills its function to the next receive of its message.
// A message that is neither returned nor deleted stays invisible for the visibility timeout, and at most one invocation of it
// had passed at the note. It returns 0 if the timeout is not known. Only the queue knows the timeout; it is rarely asked, since
// few messages have notes of earlier attempts.
func (b *Batches) minCrashDelay(ctx context.Context, g *group) time.Duration {
	if b.options.Visibility == nil || g.notes.functionTime == 0 {
		return 0
	}
	b.visibility.Lock()
	defer b.visibility.Unlock()
	if now := b.options.Now(); b.visibility.at.IsZero() || now.Sub(b.visibility.at) >= visibilityTTL {
		timeout, err := b.options.Visibility(ctx)
		if err != nil {
			b.options.Logger.WarnContext(ctx, "visibility not known", telemetry.KeyError, err.Error())
			return 0
		}
		b.visibility.timeout, b.visibility.at = timeout, now
	}
	return max(b.visibility.timeout-g.notes.functionTime, 0)
}

// limitDelay limits the delay of a message whose note could not be deleted, so that an early redelivery shows that its attempt
// has ended. Without the limit, healthy messages would be poison while some calls to the store of notes fail.
func (n *notes) limitDelay(delay time.Duration) time.Duration {
	if !n.deleteFailed || n.functionTime == 0 {
		return delay
	}
	return min(delay, (n.functionTime / 2).Truncate(time.Second))
}

// poisonByNotes returns the outcome of a message whose earlier attempts ended without a response.
func poisonByNotes(lost int) retry.Outcome {
	return retry.Classify(retry.Poison(retry.ReasonAttempts, fmt.Errorf("%d noted attempts were lost", lost)))
}
