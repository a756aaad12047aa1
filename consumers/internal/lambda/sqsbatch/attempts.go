package sqsbatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Attempts keeps notes of attempts that were begun and have not come back, outside the process that may die of them.
type Attempts interface {
	// Begin notes an attempt at a message that begins at that instant, and answers when those began that were noted before and
	// never ended, in their order; the zero time where that is not known. An error leaves open whether it is noted, but for
	// ErrNotNoted and retry.ErrBreakerOpen, with which it is not. It must add exactly one: a note too many may count as a crash.
	Begin(ctx context.Context, messageID string, at time.Time) (before []time.Time, err error)
	// End deletes the notes of a message, if there are any. It is tried also while the store fails: an attempt that came back
	// must not look like one that did not.
	End(ctx context.Context, messageID string) error
}

// ErrNotNoted says that Begin has written nothing.
var ErrNotNoted = errors.New("the attempt is not noted")

const (
	// notedFrom is the receive from which on a head is noted. The first leaves no note: nearly all messages have only
	// that one.
	notedFrom = 2
	// maxLost noted attempts that never came back make a message poison; with the first receive that is three.
	maxLost = 2
	// visibilityKept is how long the queue's answer is taken for true.
	visibilityKept = time.Minute
)

// notes are those of one group's part of a batch.
type notes struct {
	// function is the time that the invocation had at its beginning, 0 if it has no end.
	function time.Duration
	// kept is set once a note could not be deleted.
	kept bool
	// open are the messages whose notes end with the part: the one that is being handled, or the head.
	open []string
	// late are acknowledged messages whose notes end with the batch: if another group kills the function before that,
	// they come back, and what they say must still be known.
	late []string
	// lost is set while the message being handled is poison by its notes.
	lost bool
	// careful is set once a note shows that an earlier attempt at this part never came back. The rest of the part is then
	// handled one by one, each noted, so that it is known which message does it.
	careful bool
}

// note begins an attempt at the group's next message if it is one to be noted. earlier are its attempts that never
// came back.
func (b *Batches) note(ctx context.Context, g *group) (noted bool, earlier int, err error) {
	one := g.items[g.next]
	g.notes.lost = false
	isHead := g.next == 0 && one.ReceiveCount >= notedFrom
	if b.options.Attempts == nil || (!isHead && !g.notes.careful) {
		return false, 0, nil
	}
	g.notes.open = append(g.notes.open, one.MessageID)
	earlier, err = b.begin(ctx, g, one.MessageID)
	if err != nil {
		if errors.Is(err, retry.ErrBreakerOpen) || errors.Is(err, ErrNotNoted) {
			// Nothing to end, and an outage is no time to try.
			g.notes.open = g.notes.open[:len(g.notes.open)-1]
		}
		return true, 0, err
	}
	g.notes.careful = g.notes.careful || earlier > 0
	g.notes.lost = earlier >= maxLost
	return true, earlier, nil
}

// cleared is told of each noted message that came back and is acknowledged. Outside a careful part the note of the head
// stays until the part is over, so that it also shows a crash of the followers, which are not noted.
func (b *Batches) cleared(ctx context.Context, g *group, one item) {
	if !g.notes.careful {
		return
	}
	b.endOpen(ctx, g)
	if one.MessageID != g.items[0].MessageID || len(g.items) == 1 {
		return
	}
	// The head is cleared, but a crash of its followers must still show, or the next receive would take them together
	// again. So its note starts anew. If that fails, it only takes more crashes to find the one that does it.
	g.notes.late = append(g.notes.late, one.MessageID)
	if _, err := b.begin(ctx, g, one.MessageID); err != nil {
		b.options.Logger.WarnContext(ctx, "attempt not noted", telemetry.KeyMessage, one.MessageID, telemetry.KeyError, err.Error())
	}
}

// keepLost takes the note of a message that is poison by it out of those that end with the part. If the message could
// not be buried the note stays.
func (g *group) keepLost(buried bool) {
	if buried {
		g.notes.late = append(g.notes.late, g.notes.open...)
	}
	g.notes.open = nil
}

// endLate ends the notes that stay until nothing of the batch is under way any more. All of them share one time: the answer waits
// for it. A note that stays does no harm here, since its message is acknowledged.
func (b *Batches) endLate(ctx context.Context, groups []*group) {
	ctx, cancel := toEnd(ctx, 0)
	defer cancel()
	for _, g := range groups {
		for _, id := range g.notes.late {
			b.endOne(ctx, g, id)
		}
	}
}

// endOpen ends the notes of a part whose messages all came back in good order, whatever their outcomes. It leaves time to return
// what is left of the part.
func (b *Batches) endOpen(ctx context.Context, g *group) {
	ctx, cancel := toEnd(ctx, step)
	defer cancel()
	for _, id := range g.notes.open {
		b.endOne(ctx, g, id)
	}
	g.notes.open = nil
}

func (b *Batches) endOne(ctx context.Context, g *group, id string) {
	if err := retry.Safely("end of an attempt", func() error { return b.options.Attempts.End(ctx, id) }); err != nil {
		// A note too many, which a later attempt that comes back deletes.
		g.notes.kept = true
		b.options.Logger.WarnContext(ctx, "note of an attempt not deleted", telemetry.KeyMessage, id, telemetry.KeyError, err.Error())
	}
}

// begin notes an attempt and answers how many earlier ones never came back.
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
	return neverBack(before, at, b.crashed(ctx, g)), nil
}

// neverBack counts those of the earlier attempts that are not known to have come back. After a crash no message comes again
// sooner than that time; one that did had been returned, so its attempt came back, and only its note could not be deleted.
func neverBack(before []time.Time, at time.Time, crashed time.Duration) (lost int) {
	for i, begun := range before {
		next := at
		if i+1 < len(before) {
			next = before[i+1]
		}
		if begun.IsZero() || next.Sub(begun) >= crashed {
			lost++
		}
	}
	return lost
}

// crashed is the least time from the note of an attempt that kills its function to the next receive of its message: what is
// neither returned nor deleted stays out of sight for the visibility timeout, of which at most an invocation had passed at the
// note. 0 where that is not known. The queue is asked, since it alone decides; notes of earlier attempts are rare.
func (b *Batches) crashed(ctx context.Context, g *group) time.Duration {
	if b.options.Visibility == nil || g.notes.function == 0 {
		return 0
	}
	b.visibility.Lock()
	defer b.visibility.Unlock()
	if now := b.options.Now(); b.visibility.at.IsZero() || now.Sub(b.visibility.at) >= visibilityKept {
		timeout, err := b.options.Visibility(ctx)
		if err != nil {
			b.options.Logger.WarnContext(ctx, "visibility not known", telemetry.KeyError, err.Error())
			return 0
		}
		b.visibility.timeout, b.visibility.at = timeout, now
	}
	return max(b.visibility.timeout-g.notes.function, 0)
}

// soon is when a message comes back at the latest whose note could not be deleted: soon enough to show that its attempt came
// back. As long as the store of notes fails in part, healthy messages would be poison otherwise.
func (n *notes) soon(after time.Duration) time.Duration {
	if !n.kept || n.function == 0 {
		return after
	}
	return min(after, (n.function / 2).Truncate(time.Second))
}

// lostAttempts is the outcome of a message whose earlier attempts ended without a response.
func lostAttempts(n int) retry.Outcome {
	return retry.Classify(retry.Poison(retry.ReasonAttempts, fmt.Errorf("%d noted attempts never came back", n)))
}
