package sqssend

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"boxoffice/contracts/message"
)

// sharedWithin bounds how long a Send waits for other groups: about two calls of SQS. A group that is slow for its own
// reasons, such as a rebuild, delays the others by no more.
const sharedWithin = 20 * time.Millisecond

// SharedOptions are the options of NewShared. A zero field has the default named beside it.
type SharedOptions struct {
	// Within bounds how long a Send waits for others. Default 20 ms.
	Within time.Duration
	// Timer starts the timer of a wait, and returns a function that stops it. Default a timer of the process.
	Timer func(time.Duration) (expired <-chan time.Time, stop func() bool)
}

// Shared sends the messages of the groups of one batch together, through a Sender: one call for up to 10 messages of a
// queue, instead of one call a group. The context of Batch tells the batches apart, so any number of them may run at once.
// Outside of a batch a Shared is its Sender. It is safe for concurrent use.
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

// sharedBatch is the state that the groups of one batch share.
type sharedBatch struct {
	shared *Shared

	mu sync.Mutex
	// running is the number of groups that have not left, including those that have not joined yet.
	running int
	// gathering is the round that a Send joins; nil when no Send waits.
	gathering *round
}

// member is one group of a batch.
type member struct {
	batch *sharedBatch
	left  bool // under the batch's lock
}

// round is a set of Sends that go out together. Its fields need the batch's lock until it is taken; from then until done is
// closed they belong to the taker.
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

// Batch begins a batch of groups groups; it is sqsbatch.Options.Share. leave may be called at any time and more than once;
// a Send after it goes out alone. A group that never joins delays the others only until the bound.
func (s *Shared) Batch(_ context.Context, groups int) func(context.Context) (context.Context, func()) {
	batch := &sharedBatch{shared: s, running: groups}
	return func(ctx context.Context) (context.Context, func()) {
		m := &member{batch: batch}
		return context.WithValue(ctx, memberKey{s}, m), m.leave
	}
}

// Send has the promises of Sender.Send, and its error is about its own messages only. It waits until every group of the
// batch that has not left also calls Send, or until the bound, and then for the call. If its context ends first, Send
// returns that error, and it is unknown whether its messages are sent. A later Send could overtake them, so the group must
// end there, as it does when a message is returned.
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
		return fmt.Errorf("unknown whether sent: %w", ctx.Err())
	}
}

// join adds a Send to the gathering round; nil if its group has left.
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

// leave marks a group as left: the others do not wait for it any more.
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

// closeIfFull needs the lock. A full round gathers no more: the next Send begins a new round.
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

// take reports whether the caller is the first to see that the round must be sent. That caller sends it.
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

// withdraw removes a Send from a round that is not taken yet. The round goes on for the others: one of them sees it full or
// expired.
func (b *sharedBatch) withdraw(r *round, c *caller) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.taken {
		return false
	}
	r.callers = slices.DeleteFunc(r.callers, func(other *caller) bool { return other == c })
	return true
}

// flush sends a taken round and gives each caller its error, also when the client panics.
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

// forAll returns a context that ends at the last of the callers' deadlines: the shared call must not end with the context
// of the one caller that makes it.
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
