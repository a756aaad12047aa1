package sqssend_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// fakeSQS takes sends: those whose body says so fail, each call takes its time.
type fakeSQS struct {
	sqssend.Client
	takes time.Duration
	// fail, if it is there, is asked once a call.
	fail func() error

	mu    sync.Mutex
	calls [][]string // the bodies of each
	at    []time.Time
	// sent counts the messages that the queue took: one of a deduplication id. order has them in their order.
	sent  map[string]int
	taken map[string]bool
	order []string
}

func (f *fakeSQS) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var bodies []string
	for _, e := range in.Entries {
		bodies = append(bodies, aws.ToString(e.MessageBody))
	}
	f.calls, f.at = append(f.calls, bodies), append(f.at, time.Now())
	var lost error
	if f.fail != nil {
		if lost = f.fail(); lost != nil && !errors.Is(lost, errLost) {
			return nil, lost
		}
	}
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		body := aws.ToString(e.MessageBody)
		switch {
		case strings.Contains(body, "bad"):
			out.Failed = append(out.Failed, entry(*e.Id, "InvalidMessageContents", true))
		case strings.Contains(body, "lost"): // in neither list
		default:
			if f.sent == nil {
				f.sent, f.taken = map[string]int{}, map[string]bool{}
			}
			if id := aws.ToString(e.MessageGroupId) + " " + aws.ToString(e.MessageDeduplicationId); !f.taken[id] {
				f.taken[id] = true
				f.sent[body]++
				f.order = append(f.order, body)
			}
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
	}
	if lost != nil {
		return nil, lost
	}
	return out, nil
}

// errLost is what a call fails with that had its effect.
var errLost = errors.New("connection reset")

var bothURLs = map[message.Queue]string{message.QueueOrders: "orders", message.QueueExpiries: "expiries"}

// plain is a message that no codec has seen.
func plain(queue message.Queue, group, body string) message.Encoded {
	return message.Encoded{Route: message.Route{Queue: queue, Group: group, DeduplicationID: body}, Body: body}
}

func expiryOf(group string, n int) message.Encoded {
	return plain(message.QueueExpiries, group, fmt.Sprintf("%s-%d", group, n))
}

func newShared(client sqssend.Client) *sqssend.Shared {
	return sqssend.NewShared(sqssend.New(client, bothURLs, retry.NoBreaker{}), sqssend.SharedOptions{})
}

// together runs the groups of a batch side by side and waits for all of them.
func together(ctx context.Context, s *sqssend.Shared, groups ...func(ctx context.Context)) {
	join := s.Batch(ctx, len(groups))
	var all sync.WaitGroup
	for _, group := range groups {
		all.Go(func() {
			ctx, left := join(ctx)
			defer left()
			defer func() { _ = recover() }()
			group(ctx)
		})
	}
	all.Wait()
}

// Ten groups with an order each that is held: one SendMessageBatch, of all ten expiries, through the whole of sqsbatch.
func TestTenGroupsShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{takes: 5 * time.Millisecond}
		shared := newShared(client)
		var event events.SQSEvent
		for n := range 10 {
			event.Records = append(event.Records, events.SQSMessage{
				MessageId: fmt.Sprint(n), Attributes: map[string]string{"MessageGroupId": fmt.Sprint("g", n)},
			})
		}
		began := time.Now()
		response, err := sqsbatch.New(func(ctx context.Context, d message.Delivery) error {
			// Redis and DynamoDB do not answer all at the same time.
			time.Sleep(time.Duration(len(d.Group)+int(d.MessageID[0]-'0')) * time.Millisecond)
			return shared.Send(ctx, expiryOf(d.Group, 0))
		}, nil, nil, sqsbatch.Options{Share: shared.Batch}).Handle(t.Context(), event)
		if err != nil || len(response.BatchItemFailures) != 0 {
			t.Fatalf("response %v, error %v", response, err)
		}
		if len(client.calls) != 1 || len(client.sent) != 10 {
			t.Errorf("calls %v", client.calls)
		}
		// 11 ms of the slowest group and 5 ms of the call: nobody waited for a bound.
		if took := time.Since(began); took != 16*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

// Real SQS takes what several groups send together as what each sent alone.
func TestSharedSendArrives(t *testing.T) {
	r := newFixture(t)
	shared := sqssend.NewShared(r.sender, sqssend.SharedOptions{})
	var groups []func(context.Context)
	for n := range 12 {
		groups = append(groups, func(ctx context.Context) {
			if err := shared.Send(ctx, expiry(t, n)); err != nil {
				t.Error(err)
			}
		})
	}
	together(t.Context(), shared, groups...)
	var want, got []string
	for n := range 12 {
		want = append(want, expiry(t, n).Body)
	}
	for len(got) < len(want) {
		part := r.receive(t, message.QueueExpiries, 1)
		r.remove(t, message.QueueExpiries, part...)
		for _, m := range part {
			got = append(got, *m.Body)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d arrived: %v", len(got), got)
	}
}

// Each row: three groups; what becomes of the calls.
func TestWhoWaitsForWhom(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name  string
		third func(ctx context.Context, s *sqssend.Shared)
		calls string
		at    []time.Duration
	}{
		{"all send", func(ctx context.Context, s *sqssend.Shared) { time.Sleep(8 * ms); _ = s.Send(ctx, expiryOf("c", 0)) }, "3", []time.Duration{8 * ms}},
		{"one never sends and ends", func(context.Context, *sqssend.Shared) { time.Sleep(9 * ms) }, "2", []time.Duration{9 * ms}},
		{"one panics", func(context.Context, *sqssend.Shared) { time.Sleep(7 * ms); panic("boom") }, "2", []time.Duration{7 * ms}},
		{"one ends its goroutine", func(context.Context, *sqssend.Shared) { time.Sleep(7 * ms); runtime.Goexit() }, "2", []time.Duration{7 * ms}},
		{"one sends nothing, often", func(ctx context.Context, s *sqssend.Shared) {
			for range 5 {
				time.Sleep(ms)
				_ = s.Send(ctx)
			}
		}, "2", []time.Duration{5 * ms}},
		{"one is slow", func(ctx context.Context, s *sqssend.Shared) {
			time.Sleep(time.Second)
			_ = s.Send(ctx, expiryOf("c", 0))
		}, "2 1", []time.Duration{21 * ms, time.Second}},
		{"one sends twice at once", func(ctx context.Context, s *sqssend.Shared) {
			var both sync.WaitGroup
			both.Go(func() { _ = s.Send(ctx, expiryOf("c", 0)) })
			both.Go(func() { _ = s.Send(ctx, expiryOf("c", 1)) })
			both.Wait()
		}, "4", []time.Duration{2 * ms}},
		{"one has no address", func(ctx context.Context, s *sqssend.Shared) {
			if err := s.Send(ctx, plain("nowhere", "c", "x")); !errors.Is(err, sqssend.ErrNoAddress) {
				panic(err)
			}
		}, "2", []time.Duration{2 * ms}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &fakeSQS{}
				shared := newShared(client)
				began := time.Now()
				together(t.Context(), shared,
					func(ctx context.Context) { time.Sleep(ms); _ = shared.Send(ctx, expiryOf("a", 0)) },
					func(ctx context.Context) { time.Sleep(2 * ms); _ = shared.Send(ctx, expiryOf("b", 0)) },
					func(ctx context.Context) { c.third(ctx, shared) })
				var calls []string
				var at []time.Duration
				for i, bodies := range client.calls {
					calls, at = append(calls, fmt.Sprint(len(bodies))), append(at, client.at[i].Sub(began))
				}
				if got := strings.Join(calls, " "); got != c.calls || !slices.Equal(at, c.at) {
					t.Errorf("calls of %q at %v, want %q at %v", got, at, c.calls, c.at)
				}
			})
		})
	}
}

// At most 10 a call, queues apart, and each group's messages in their order.
func TestSharedCallsAreFullAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		var groups []func(context.Context)
		for n := range 4 {
			groups = append(groups, func(ctx context.Context) {
				time.Sleep(time.Duration(n))
				g := fmt.Sprint("g", n)
				_ = shared.Send(ctx, expiryOf(g, 0), expiryOf(g, 1), plain(message.QueueOrders, g, g+"-order"), expiryOf(g, 2), expiryOf(g, 3))
			})
		}
		together(t.Context(), shared, groups...)
		var calls []string
		for _, bodies := range client.calls {
			calls = append(calls, strings.Join(bodies, " "))
		}
		want := []string{
			"g0-0 g0-1 g0-2 g0-3 g1-0 g1-1 g1-2 g1-3 g2-0 g2-1", "g2-2 g2-3 g3-0 g3-1 g3-2 g3-3",
			"g0-order g1-order g2-order g3-order",
		}
		if !slices.Equal(calls, want) {
			t.Errorf("calls %q, want %q", calls, want)
		}
	})
}

// An entry that fails is the failure of the group whose it is, and nothing more of that group is sent.
func TestSharedFailureHitsItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		errs := make([]error, 3)
		together(t.Context(), shared,
			func(ctx context.Context) { errs[0] = shared.Send(ctx, expiryOf("a", 0)) },
			func(ctx context.Context) {
				errs[1] = shared.Send(ctx, plain(message.QueueExpiries, "b", "bad"), plain(message.QueueOrders, "b", "after"))
			},
			func(ctx context.Context) { errs[2] = shared.Send(ctx, plain(message.QueueExpiries, "c", "lost")) })
		var rejected *sqssend.RejectedError
		var failed *sqssend.FailedError
		if errs[0] != nil || !errors.As(errs[1], &rejected) || errors.As(errs[1], &failed) || !errors.As(errs[2], &failed) || errors.As(errs[2], &rejected) {
			t.Errorf("errors %v", errs)
		}
		if len(client.calls) != 1 || client.sent["a-0"] != 1 {
			t.Errorf("calls %v", client.calls)
		}
	})
}

// When the whole call fails each group has its error, once, with the time that it lasts; a panic of the client
// leaves nobody waiting.
func TestSharedCallThatFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return &retry.BreakerOpenError{Name: "sqs", After: 3 * time.Second} },
		"panic": func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := newShared(&fakeSQS{fail: fail})
				errs := make([]error, 2)
				group := func(n int) func(context.Context) {
					return func(ctx context.Context) {
						errs[n] = errors.New("panicked")
						errs[n] = shared.Send(ctx, expiryOf("g", n), expiryOf("g", n+2))
					}
				}
				together(t.Context(), shared, group(0), group(1))
				for _, err := range errs {
					if err == nil || strings.Count(err.Error(), "breaker is open") > 1 {
						t.Errorf("error %v", err)
					}
					if name == "error" && retry.Classify(err).NotBefore != 3*time.Second {
						t.Errorf("%v does not say how long it lasts", err)
					}
				}
			})
		})
	}
}

// A Send whose time is over gives up, and what it wanted sent is not sent later; the others' messages are. Once the call
// is made it is made for all, by whichever of them.
func TestSharedSendEndsWithItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		ends time.Duration
		sent int
	}{
		"while it waits":      {10 * time.Millisecond, 1},
		"while the call runs": {500 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &fakeSQS{takes: 600 * time.Millisecond}
				shared := newShared(client)
				began := time.Now()
				var own, other error
				together(t.Context(), shared,
					func(ctx context.Context) {
						ctx, cancel := context.WithTimeout(ctx, c.ends)
						defer cancel()
						own = shared.Send(ctx, expiryOf("a", 0))
						if took := time.Since(began); name == "while it waits" && took != c.ends {
							t.Errorf("gave up after %s", took)
						}
					},
					func(ctx context.Context) {
						time.Sleep(15 * time.Millisecond)
						other = shared.Send(ctx, expiryOf("b", 0))
					})
				if name == "while it waits" && !errors.Is(own, context.DeadlineExceeded) || other != nil || len(client.sent) != c.sent {
					t.Errorf("errors %v and %v, sent %v", own, other, client.sent)
				}
			})
		})
	}
}

// Outside of a batch, after its group has left, and in a batch of another Shared, a Send goes alone at once.
func TestSendOutsideOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		ofAnother, _ := newShared(client).Batch(t.Context(), 2)(t.Context())
		afterwards, left := shared.Batch(t.Context(), 2)(t.Context())
		left()
		left()
		began := time.Now()
		for i, ctx := range []context.Context{t.Context(), ofAnother, afterwards} {
			if err := shared.Send(ctx, expiryOf("a", i)); err != nil || len(client.calls) != i+1 || time.Since(began) != 0 {
				t.Errorf("%d: error %v, calls %v, after %s", i, err, client.calls, time.Since(began))
			}
		}
	})
}

// A group that leaves twice has left once: the others still wait for each other.
func TestLeavingTwiceCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		join := shared.Batch(t.Context(), 3)
		_, left := join(t.Context())
		left()
		left()
		var others sync.WaitGroup
		for n := range 2 {
			ctx, leftOther := join(t.Context())
			others.Go(func() {
				defer leftOther()
				time.Sleep(time.Duration(n) * 5 * time.Millisecond)
				_ = shared.Send(ctx, expiryOf("g", n))
			})
		}
		others.Wait()
		if len(client.calls) != 1 {
			t.Errorf("calls %v", client.calls)
		}
	})
}

// A group may leave while it still waits, at the moment at which its round is full: that must not end the round twice.
func TestLeavingAFullRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		join := shared.Batch(t.Context(), 2)
		ctx, leftA := join(t.Context())
		_, leftB := join(t.Context())
		var err error
		var waiting sync.WaitGroup
		waiting.Go(func() { err = shared.Send(ctx, expiryOf("a", 0)) })
		synctest.Wait()
		leftB()
		leftA()
		waiting.Wait()
		if err != nil || len(client.calls) != 1 {
			t.Errorf("error %v, calls %v", err, client.calls)
		}
	})
}

// What a group that has left still waits with does not count for one that is at work: that one is waited for.
func TestWaiterOfAGroupThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		join := shared.Batch(t.Context(), 2)
		ctxA, leftA := join(t.Context())
		ctxB, _ := join(t.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() { _ = shared.Send(ctxA, expiryOf("a", 0)) })
		synctest.Wait()
		leftA()
		synctest.Wait()
		_ = shared.Send(ctxB, expiryOf("b", 0))
		waiting.Wait()
		if len(client.calls) != 1 {
			t.Errorf("calls %v", client.calls)
		}
	})
}

// Batches at the same time have nothing to do with each other.
func TestBatchesAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeSQS{}
		shared := newShared(client)
		var both sync.WaitGroup
		for _, b := range []string{"x", "y"} {
			both.Go(func() {
				together(t.Context(), shared,
					func(ctx context.Context) { _ = shared.Send(ctx, expiryOf(b+"1", 0)) },
					func(ctx context.Context) { _ = shared.Send(ctx, expiryOf(b+"2", 0)) })
			})
		}
		both.Wait()
		if len(client.calls) != 2 || client.calls[0][0][0] != client.calls[0][1][0] {
			t.Errorf("calls %v", client.calls)
		}
	})
}
