package sqssend

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"boxoffice/contracts/message"
)

// sharedWithin bounds how long a Send waits for other groups: about two calls of SQS. A group that is slow for a reason
// of its own, as a rebuild, holds up nobody longer than that.
const sharedWithin = 20 * time.Millisecond

// SharedOptions of NewShared. A zero field has the default named beside it.
type SharedOptions struct {
	// Within bounds how long a Send waits for others. Default 20 ms.
	Within time.Duration
	// Timer makes the timer of a wait, and its stop. Default a timer of the process.
	Timer func(time.Duration) (expired <-chan time.Time, stop func() bool)
}

// Shared sends through a Sender what the groups of one batch want sent at about the same time: in one call for up to 10
// messages of a queue, instead of one a group. What belongs to a batch is in the context that Batch gives, so any number
// of batches may run at once. Outside of a batch it is the Sender.
type Shared struct {
	sender  *Sender
	options SharedOptions
}

// NewShared makes a Shared.
func NewShared(sender *Sender, options SharedOptions) *Shared {
	if options.Within <= 0 {
		options.Within = sharedWithin
	}
	if options.Timer == nil {
		options.Timer = func(d time.Duration) (<-chan time.Time, func() bool) {
			t := time.NewTimer(d)
			return t.C, t.Stop
		}
	}
	return &Shared{sender: sender, options: options}
}

// sharedBatch is what the groups of one batch have in common.
type sharedBatch struct {
	shared *Shared

	mu sync.Mutex
	// running are the groups that have not left, those that have not joined yet included.
	running int
	// gathering is the round that a Send joins; nil when nobody waits.
	gathering *round
}

// member is one group of a batch.
type member struct {
	batch *sharedBatch
	left  bool // under the batch's lock
}

// round is a set of Sends that go together. Its fields are under the batch's lock until it is taken; after that they
// are the taker's until done is closed.
type round struct {
	members []*member
	callers []*caller
	taken   bool
	// full is closed when every running group waits in this round.
	full    chan struct{}
	expired <-chan time.Time
	stop    func() bool
	done    chan struct{}
}

// caller is one Send that waits.
type caller struct {
	ctx      context.Context
	messages []message.Encoded
	err      error
}

type memberKey struct{ shared *Shared }

// Batch begins a batch of that many groups; it is sqsbatch.Options.Share. left may be called at any time, also more than
// once; a Send after it goes alone. A group that never joins only costs the others the bound.
func (s *Shared) Batch(_ context.Context, groups int) func(context.Context) (context.Context, func()) {
	batch := &sharedBatch{shared: s, running: groups}
	return func(ctx context.Context) (context.Context, func()) {
		m := &member{batch: batch}
		return context.WithValue(ctx, memberKey{s}, m), m.leave
	}
}

// Send is Sender.Send, with the same promises and an error of its own messages only. It waits until every group of the
// batch that is still at work has asked to send as well, or the bound is over. When its context ends first it gives up
// with that error, and whether its messages are sent is not known: a later Send could overtake them, so its group has
// to end there, as one does whose message is returned.
func (s *Shared) Send(ctx context.Context, messages ...message.Encoded) error {
	m, ok := ctx.Value(memberKey{s}).(*member)
	if !ok {
		return s.sender.Send(ctx, messages...)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := s.sender.addressed(messages); err != nil {
		return err
	}
	me := &caller{ctx: ctx, messages: messages}
	r := m.join(me)
	if r == nil {
		return s.sender.Send(ctx, messages...)
	}
	select {
	case <-r.full:
	case <-r.expired:
	case <-r.done:
		return me.err
	case <-ctx.Done():
		if m.batch.withdraw(r, me) {
			return fmt.Errorf("not sent: %w", ctx.Err())
		}
	}
	if m.batch.take(r) {
		s.flush(r)
		return me.err
	}
	select {
	case <-r.done:
		return me.err
	case <-ctx.Done():
		return fmt.Errorf("sent or not: %w", ctx.Err())
	}
}

// join puts a Send into the round that gathers; nil if its group has left.
func (m *member) join(c *caller) *round {
	b := m.batch
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.left {
		return nil
	}
	r := b.gathering
	if r == nil {
		r = &round{full: make(chan struct{}), done: make(chan struct{})}
		r.expired, r.stop = b.shared.options.Timer(b.shared.options.Within)
		b.gathering = r
	}
	r.callers = append(r.callers, c)
	if !slices.Contains(r.members, m) {
		r.members = append(r.members, m)
	}
	b.closeIfFull()
	return r
}

// leave takes a group out of those that others wait for.
func (m *member) leave() {
	b := m.batch
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.left {
		return
	}
	m.left = true
	b.running--
	b.closeIfFull()
}

// closeIfFull needs the lock. A full round gathers no more: what comes now begins the next.
func (b *sharedBatch) closeIfFull() {
	r := b.gathering
	if r == nil {
		return
	}
	waiting := 0
	for _, m := range r.members {
		if !m.left {
			waiting++
		}
	}
	if waiting >= b.running {
		b.gathering = nil
		close(r.full)
	}
}

// take makes the caller the one that sends the round: the first to see that it is time.
func (b *sharedBatch) take(r *round) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.taken {
		return false
	}
	r.taken = true
	if b.gathering == r {
		b.gathering = nil
	}
	return true
}

// withdraw takes a Send out of a round that nobody has taken. The round goes on for the others: one of them sees it
// full or expired.
func (b *sharedBatch) withdraw(r *round, c *caller) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.taken {
		return false
	}
	r.callers = slices.DeleteFunc(r.callers, func(other *caller) bool { return other == c })
	return true
}

// flush sends a taken round and tells its callers, also when the client panics.
func (s *Shared) flush(r *round) {
	r.stop()
	defer close(r.done)
	for _, c := range r.callers {
		c.err = errInterrupted
	}
	wanted := make([][]message.Encoded, len(r.callers))
	for i, c := range r.callers {
		wanted[i] = c.messages
	}
	ctx, cancel := forAll(r.callers)
	defer cancel()
	for i, err := range s.sender.sendAll(ctx, wanted) {
		r.callers[i].err = err
	}
}

var errInterrupted = fmt.Errorf("shared send was interrupted: %w", context.Canceled)

// forAll is a context that ends when the last of the callers' deadlines has passed: the call of all must not end with
// the context of the one that happens to make it.
func forAll(callers []*caller) (context.Context, context.CancelFunc) {
	var latest time.Time
	for _, c := range callers {
		end, limited := c.ctx.Deadline()
		if !limited {
			return context.WithCancel(context.WithoutCancel(c.ctx))
		}
		if end.After(latest) {
			latest = end
		}
	}
	return context.WithDeadline(context.WithoutCancel(callers[0].ctx), latest)
}
