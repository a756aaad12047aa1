// Package senttest is the conformance suite of the stores of effects, in memory and on a DynamoDB server.
package senttest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/consumers/internal/notify"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

var expires = time.Unix(4_000_000_000, 0)

// Exercise runs the suite. open makes an empty store, or one whose effects have other names than those of the suite.
func Exercise(t *testing.T, open func(t *testing.T) notify.Sent) {
	for name, check := range map[string]func(t *testing.T, s notify.Sent){
		"a claim holds until its end": func(t *testing.T, s notify.Sent) {
			claim(t, s, 100, 200, notify.Claim{State: notify.Claimed})
			claim(t, s, 150, 300, notify.Claim{State: notify.ClaimTaken, Until: 200})
			claim(t, s, 199, 300, notify.Claim{State: notify.ClaimTaken, Until: 200})
			claim(t, s, 200, 300, notify.Claim{State: notify.Claimed})
			claim(t, s, 201, 400, notify.Claim{State: notify.ClaimTaken, Until: 300})
		},
		"what is sent is never claimed again": func(t *testing.T, s notify.Sent) {
			claim(t, s, 100, 200, notify.Claim{State: notify.Claimed})
			must(t, s.Done(t.Context(), "e", expires))
			claim(t, s, 1000, 2000, notify.Claim{State: notify.ClaimDone})
			must(t, s.Release(t.Context(), "e"))
			claim(t, s, 1000, 2000, notify.Claim{State: notify.ClaimDone})
		},
		"a released claim can be taken at once": func(t *testing.T, s notify.Sent) {
			must(t, s.Release(t.Context(), "e"))
			claim(t, s, 100, 200, notify.Claim{State: notify.Claimed})
			must(t, s.Release(t.Context(), "e"))
			claim(t, s, 101, 300, notify.Claim{State: notify.Claimed})
		},
		"of many that claim at once one may send": func(t *testing.T, s notify.Sent) {
			var claimed atomic.Int64
			gate := make(chan struct{})
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					<-gate
					if c, err := s.Claim(t.Context(), "e", 100, 200, expires); err != nil {
						t.Error(err)
					} else if c.State == notify.Claimed {
						claimed.Add(1)
					}
				})
			}
			close(gate)
			all.Wait()
			if claimed.Load() != 1 {
				t.Errorf("%d claims", claimed.Load())
			}
		},
		"a version is raised once, and never falls": func(t *testing.T, s notify.Sent) {
			for _, c := range []struct {
				version int
				raised  bool
			}{{2, true}, {2, false}, {1, false}, {4, true}, {3, false}, {10, true}, {9, false}} {
				if _, raised, err := s.Raise(t.Context(), "e", c.version, expires); err != nil || raised != c.raised {
					t.Errorf("version %d: %t, %v", c.version, raised, err)
				}
			}
		},
		"a version that was not sent is sent again, unless a higher one was": func(t *testing.T, s notify.Sent) {
			raise(t, s, 2, 0, true)
			must(t, s.Lower(t.Context(), "e", 2, 0))
			raise(t, s, 2, 0, true)
			raise(t, s, 3, 2, true)
			must(t, s.Lower(t.Context(), "e", 2, 0))
			raise(t, s, 2, 0, false)
			must(t, s.Lower(t.Context(), "other", 1, 0))
			must(t, s.Lower(t.Context(), "other", 2, 1))
			raise(t, s, 3, 0, false)
		},
		"after a version that was not sent none is sent that is older than the last": func(t *testing.T, s notify.Sent) {
			raise(t, s, 3, 0, true)
			raise(t, s, 4, 3, true)
			must(t, s.Lower(t.Context(), "e", 4, 3))
			raise(t, s, 2, 0, false)
			raise(t, s, 3, 0, false)
			raise(t, s, 4, 3, true)
			must(t, s.Lower(t.Context(), "e", 3, 2)) // a late one changes nothing
			raise(t, s, 4, 0, false)
		},
		"an account is stopped for the first reason": func(t *testing.T, s notify.Sent) {
			stopped(t, s, "u1", "")
			for _, reason := range []message.MailStop{message.MailBounced, message.MailComplained} {
				must(t, s.Stop(t.Context(), "u1", reason, 100))
			}
			stopped(t, s, "u1", message.MailBounced)
			stopped(t, s, "u2", "")
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, s notify.Sent, now, end int64, want notify.Claim) {
	t.Helper()
	if got, err := s.Claim(t.Context(), "e", contracts.Instant(now), contracts.Instant(end), expires); err != nil || got != want {
		t.Errorf("claim at %d: %+v, %v, want %+v", now, got, err, want)
	}
}

func raise(t *testing.T, s notify.Sent, version, before int, want bool) {
	t.Helper()
	if old, got, err := s.Raise(t.Context(), "e", version, expires); err != nil || got != want || old != before {
		t.Errorf("version %d: before %d, %t, %v, want %d, %t", version, old, got, err, before, want)
	}
}

func stopped(t *testing.T, s notify.Sent, userID string, want message.MailStop) {
	t.Helper()
	if got, err := s.Stopped(t.Context(), userID); err != nil || got != want {
		t.Errorf("%s: %q, %v, want %q", userID, got, err, want)
	}
}
