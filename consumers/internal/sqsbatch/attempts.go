package sqsbatch

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Attempts keeps notes of attempts that were begun and have not come back, outside the process that may die of them.
type Attempts interface {
	// Begin notes an attempt at a message and answers how many were noted before and never ended. An error leaves open
	// whether it is noted, but for retry.ErrBreakerOpen, with which it is not. It must add exactly one: a note too many
	// counts as a crash.
	Begin(ctx context.Context, messageID string) (before int, err error)
	// End deletes the notes of a message, if there are any. It is tried also while the store fails: an attempt that came back
	// must not look like one that did not.
	End(ctx context.Context, messageID string) error
}

const (
	// notedFrom is the receive from which on a head is noted. The first leaves no note: nearly all messages have only
	// that one.
	notedFrom = 2
	// maxLost noted attempts that never came back make a message poison; with the first receive that is three.
	maxLost = 2
)

// notes are those of one group's part of a batch.
type notes struct {
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
	earlier, err = b.begin(ctx, one.MessageID)
	if err != nil {
		if errors.Is(err, retry.ErrBreakerOpen) {
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
	if _, err := b.begin(ctx, one.MessageID); err != nil {
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

// endLate ends the notes that stay until nothing of the batch is under way any more.
func (b *Batches) endLate(ctx context.Context, groups []*group) {
	for _, g := range groups {
		for _, id := range g.notes.late {
			b.endOne(ctx, id)
		}
	}
}

// endOpen ends the notes of a part whose messages all came back in good order, whatever their outcomes.
func (b *Batches) endOpen(ctx context.Context, g *group) {
	for _, id := range g.notes.open {
		b.endOne(ctx, id)
	}
	g.notes.open = nil
}

func (b *Batches) endOne(ctx context.Context, id string) {
	if err := b.end(ctx, id); err != nil {
		// A note too many, which a later attempt that comes back deletes.
		b.options.Logger.WarnContext(ctx, "note of an attempt not deleted", telemetry.KeyMessage, id, telemetry.KeyError, err.Error())
	}
}

func (b *Batches) begin(ctx context.Context, id string) (before int, err error) {
	ctx, cancel := b.withinBudget(ctx)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("begin of an attempt panicked: %v", p)
		}
	}()
	return b.options.Attempts.Begin(ctx, id)
}

// end also runs when the invocation's time is over: a handler that overran it came back all the same.
func (b *Batches) end(ctx context.Context, id string) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.options.Margin/2)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("end of an attempt panicked: %v", p)
		}
	}()
	return b.options.Attempts.End(ctx, id)
}

func attemptsOutcome(earlier int) retry.Outcome {
	return retry.Poison(retry.ReasonAttempts, fmt.Errorf("%d noted attempts never came back", earlier))
}
