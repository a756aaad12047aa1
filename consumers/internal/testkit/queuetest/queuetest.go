// Package queuetest is the conformance suite of FIFO queues: it checks what consumers rely on of SQS, in memory and on a
// server that speaks its protocol. It is for tests only.
package queuetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Queue is the part of a queue that the suite uses.
type Queue interface {
	memqueue.Source
	sqsbatch.Queue
	Send(ctx context.Context, m message.Encoded) (memqueue.Sent, error)
}

// Config is the configuration of a queue.
type Config struct {
	Visibility, Delay time.Duration
	// MaxReceives is 0 for a queue without a dead-letter queue.
	MaxReceives int
}

// Backend makes queues and lets their time pass.
type Backend struct {
	// Open makes an empty queue, and its dead-letter queue if it has one.
	Open func(t *testing.T, c Config) (q, dead Queue)
	// Now is the clock of the queues. Pass advances it by at least d. A backend that cannot do so without waiting names the
	// promises about minutes in Deviates.
	Now  func() time.Time
	Pass func(d time.Duration)
	// Deviates has the promises that the backend is known to break, with the reason.
	Deviates map[string]string
}

// Promises that a backend may name in Deviates.
const (
	ForgetsAfterFiveMinutes = "a deduplication id is forgotten after five minutes"
	ExpiredDeletesNothing   = "an expired receipt deletes nothing"
	ExpiredReturnsNothing   = "an expired receipt changes no visibility"
	OneGroupFirst           = "a receive takes what it can of one group before the next"
)

// long is a visibility timeout that no test outlasts, short one that a test can wait for. Between a receive and its delete
// a busy machine may take longer than short, but not longer than enough.
const (
	long   = 10 * time.Minute
	short  = time.Second
	enough = 3 * time.Second
)

type fixture struct {
	Backend
	t       *testing.T
	q, dead Queue
}

// Exercise runs the suite.
func Exercise(t *testing.T, b Backend) {
	type promise struct {
		Config
		keep func(f *fixture)
	}
	promises := map[string]promise{
		"a message is received as it was sent":                        {Config{Visibility: long}, (*fixture).wholeMessage},
		"messages of a group are received in order, ten at most":      {Config{Visibility: long}, (*fixture).order},
		"a group in flight is blocked, other groups are not":          {Config{Visibility: long}, (*fixture).blocking},
		"undeleted messages are redelivered in order":                 {Config{Visibility: enough}, (*fixture).redelivery},
		"messages returned at once are redelivered at once":           {Config{Visibility: long}, (*fixture).returnedAtOnce},
		"messages returned for later are not redelivered earlier":     {Config{Visibility: long}, (*fixture).returnedForLater},
		"a head that is returned alone waits for its followers":       {Config{Visibility: long}, (*fixture).returnedAlone},
		"followers that are returned alone wait for their head":       {Config{Visibility: long}, (*fixture).returnedBehind},
		"a superseded receipt deletes and returns nothing":            {Config{Visibility: long}, (*fixture).superseded},
		"a deduplication id counts in its group, also after a delete": {Config{Visibility: long}, (*fixture).deduplication},
		"a delayed message is not received earlier":                   {Config{Visibility: long, Delay: short}, (*fixture).delay},
		"a message received too often moves to the dead-letter queue": {Config{Visibility: long, MaxReceives: 2}, (*fixture).deadLetters},
		"concurrent receivers get each message once":                  {Config{Visibility: long}, (*fixture).concurrent},
		"a mapping deletes what the response does not name":           {Config{Visibility: long}, (*fixture).partialFailure},
		"a mapping deletes nothing after an invalid response":         {Config{Visibility: short}, (*fixture).wholeFailure},
		OneGroupFirst:           {Config{Visibility: long}, (*fixture).oneGroupFirst},
		ForgetsAfterFiveMinutes: {Config{Visibility: long}, (*fixture).forgetting},
		ExpiredDeletesNothing:   {Config{Visibility: short}, (*fixture).expiredDelete},
		ExpiredReturnsNothing:   {Config{Visibility: short}, (*fixture).expiredReturn},
	}
	for _, name := range slices.Sorted(maps.Keys(b.Deviates)) {
		if _, known := promises[name]; !known {
			t.Errorf("%q is no promise", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(promises)) {
		t.Run(name, func(t *testing.T) {
			if reason, deviates := b.Deviates[name]; deviates {
				t.Skip("held to by memory only: " + reason)
			}
			f := &fixture{Backend: b, t: t}
			f.q, f.dead = b.Open(t, promises[name].Config)
			promises[name].keep(f)
		})
	}
}

// of returns message n of a group.
func of(group string, n int) message.Encoded {
	return message.Encoded{
		Route: message.Route{Group: group, DeduplicationID: "id-" + strconv.Itoa(n)}, Body: fmt.Sprintf("%s%d", group, n),
		Attributes: message.Attributes{Kind: message.KindExpireHold, OrderID: contracts.OrderID("order-" + strconv.Itoa(n)), Group: group, Trace: "trace"},
	}
}

func (f *fixture) send(group string, numbers ...int) []memqueue.Sent {
	f.t.Helper()
	var all []memqueue.Sent
	for _, n := range numbers {
		sent, err := f.q.Send(f.t.Context(), of(group, n))
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, sent)
	}
	return all
}

func (f *fixture) receive(q Queue) []memqueue.Message {
	f.t.Helper()
	got, err := q.Receive(f.t.Context(), 10)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

// want receives and compares the bodies, "a1 a2" for example.
func (f *fixture) want(bodies string) []memqueue.Message {
	f.t.Helper()
	got := f.receive(f.q)
	if text(got) != bodies {
		f.t.Fatalf("received %q, want %q", text(got), bodies)
	}
	return got
}

// within bounds a wait for messages that are due after short.
const within = 30 * time.Second

// wantLater lets time pass until messages arrive, compares them, and returns how long after from that was. It is for
// messages that become due at one instant, such as those of one receive.
func (f *fixture) wantLater(bodies string, from time.Time) ([]memqueue.Message, time.Duration) {
	f.t.Helper()
	for f.Now().Sub(from) < within {
		if got := f.receive(f.q); len(got) > 0 {
			if text(got) != bodies {
				f.t.Fatalf("received %q, want %q", text(got), bodies)
			}
			return got, f.Now().Sub(from)
		}
		f.Pass(50 * time.Millisecond)
	}
	f.t.Fatalf("nothing came, want %q", bodies)
	return nil, 0
}

// wantNotBefore lets time pass until one receive has all these messages, each not before its instant. They become due one
// after another, so an earlier receive has only the first of them; those are returned at once.
func (f *fixture) wantNotBefore(bodies string, notBefore ...time.Time) []memqueue.Message {
	f.t.Helper()
	for begun := f.Now(); f.Now().Sub(begun) < within; f.Pass(50 * time.Millisecond) {
		got := f.receive(f.q)
		if !strings.HasPrefix(bodies, text(got)) {
			f.t.Fatalf("received %q, want %q or its beginning", text(got), bodies)
		}
		for i, m := range got {
			if early := notBefore[i].Sub(f.Now()); early > 0 {
				f.t.Errorf("%s came %s too early", m.Body, early)
			}
		}
		if text(got) == bodies {
			return got
		}
		if len(got) > 0 {
			f.giveBack(0, got...)
		}
	}
	f.t.Fatalf("not all came, want %q", bodies)
	return nil
}

func text(messages []memqueue.Message) string {
	var bodies []string
	for _, m := range messages {
		bodies = append(bodies, m.Body)
	}
	return strings.Join(bodies, " ")
}

func (f *fixture) remove(messages ...memqueue.Message) {
	f.t.Helper()
	for _, m := range messages {
		if err := f.q.Delete(f.t.Context(), m.Receipt); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) giveBack(d time.Duration, messages ...memqueue.Message) {
	f.t.Helper()
	if err := f.q.ReturnAfter(f.t.Context(), receipts(messages), d); err != nil {
		f.t.Fatal(err)
	}
}

func receipts(messages []memqueue.Message) []sqsbatch.Receipt {
	all := make([]sqsbatch.Receipt, len(messages))
	for i, m := range messages {
		all[i] = sqsbatch.Receipt{MessageID: m.MessageID, Handle: m.Receipt}
	}
	return all
}
