package sqssend_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"boxoffice/contracts/message"
)

// step is the next action of a group.
type step struct {
	waits time.Duration
	what  string // send, cut (a send whose context ends early), panic, exit, leave
	bad   bool
	sends int
}

// Random groups send, fail, give up, panic, end their goroutine or leave early, over a client whose calls sometimes fail
// before or after their effect. Every message is sent exactly once or its sender got an error, the messages of each group
// stay in order, no call has more than ten entries, and all of it ends.
func TestSharedProperty(t *testing.T) {
	var seen struct{ sent, failed, shared int }
	rapid.Check(t, func(rt *rapid.T) {
		groups := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				waits: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 7, 50}).Draw(t, "waits")) * time.Millisecond,
				what:  rapid.SampledFrom([]string{"send", "send", "send", "send", "send", "send", "send", "cut", "panic", "exit", "leave"}).Draw(t, "what"),
				bad:   rapid.IntRange(0, 9).Draw(t, "bad") == 0,
				sends: rapid.IntRange(0, 12).Draw(t, "sends"),
			}
		}), 0, 5), 1, 10).Draw(rt, "groups")
		failing := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "", "", "", "", "error", "lost", "lost", "panic"}), 7, 7).Draw(rt, "failing")
		client := &fakeSQS{takes: 4 * time.Millisecond}
		client.fail = func() error {
			switch failing[len(client.calls)%len(failing)] {
			case "error":
				return errors.New("throttled")
			case "lost":
				return errLost
			case "panic":
				panic("boom")
			}
			return nil
		}
		var mu sync.Mutex
		reported := map[string]error{} // the error of each message of a Send that returned
		synctest.Test(t, func(t *testing.T) {
			shared := newShared(client)
			join := shared.Batch(t.Context(), len(groups))
			var all sync.WaitGroup
			for n, steps := range groups {
				all.Add(1)
				go func() {
					defer all.Done()
					ctx, left := join(t.Context())
					defer left()
					defer func() { _ = recover() }()
					for i, s := range steps {
						time.Sleep(s.waits)
						switch s.what {
						case "panic":
							panic("boom")
						case "exit":
							runtime.Goexit()
						case "leave":
							left()
							continue
						}
						ctx, cancel := ctx, context.CancelFunc(func() {})
						if s.what == "cut" {
							ctx, cancel = context.WithTimeout(ctx, 3*time.Millisecond)
						}
						var messages []message.Encoded
						for j := range s.sends {
							body := fmt.Sprintf("g%d-%d-%02d", n, i, j)
							if s.bad && j == s.sends/2 {
								body += "-bad"
							}
							messages = append(messages, plain(message.QueueExpiries, fmt.Sprint("g", n), body))
						}
						err := errors.New("panicked")
						func() {
							defer func() { _ = recover() }()
							err = shared.Send(ctx, messages...)
						}()
						over := ctx.Err() != nil
						cancel()
						mu.Lock()
						for _, m := range messages {
							reported[m.Body] = err
						}
						mu.Unlock()
						if err != nil && over {
							return // its messages may still be sent, so another Send could overtake them
						}
					}
				}()
			}
			all.Wait()
		})
		for _, bodies := range client.calls {
			if len(bodies) == 0 || len(bodies) > 10 {
				rt.Errorf("a call of %d", len(bodies))
			}
			of := map[string]bool{}
			for _, body := range bodies {
				group, _, _ := strings.Cut(body, "-")
				of[group] = true
			}
			if len(of) > 1 {
				seen.shared++
			}
		}
		// In the order in which the queue accepted them: a second attempt at a call names its messages again.
		last := map[string]string{}
		for _, body := range client.order {
			group, _, _ := strings.Cut(body, "-")
			if body <= last[group] {
				rt.Errorf("%s was sent behind %s", body, last[group])
			}
			last[group] = body
		}
		for body, err := range reported {
			if n := client.sent[body]; n > 1 || (n == 0 && err == nil) {
				rt.Errorf("%s was sent %d times and its sender got %v", body, n, err)
			}
			if err == nil {
				seen.sent++
			} else {
				seen.failed++
			}
		}
		for body := range client.sent {
			if _, known := reported[body]; !known {
				rt.Errorf("%s was sent and its sender does not know", body)
			}
		}
	})
	if min(seen.sent, seen.failed, seen.shared) < 50 {
		t.Errorf("too little was seen: %+v", seen)
	}
	t.Logf("%+v", seen)
}
