package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

type targetFunc func([]byte) error

func (f targetFunc) Invoke(_ context.Context, payload []byte, _ time.Duration) ([]byte, error) {
	return nil, f(payload)
}

// limited is a Target with a reserved concurrency of one.
type limited struct {
	targetFunc
	free chan struct{}
}

func newLimited(f targetFunc) limited {
	l := limited{f, make(chan struct{}, 1)}
	l.free <- struct{}{}
	return l
}

func (l limited) Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error) {
	select {
	case <-l.free:
	default:
		return nil, runtimeapi.ErrThrottled
	}
	defer func() { l.free <- struct{}{} }()
	return l.targetFunc.Invoke(ctx, payload, wait)
}

func run(t *testing.T, target Target) (*Schedule, func()) {
	t.Helper()
	return runWith(t, target, 0, time.Minute)
}

func runWith(t *testing.T, target Target, retries int, age time.Duration) (*Schedule, func()) {
	t.Helper()
	s, err := New(target, Options{Function: "reconcile", Every: time.Minute, Retries: retries, MaximumAge: age, Account: "000000000001", Region: "us-east-1", Now: time.Now, NewID: func() string { return "id" }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	return s, func() { cancel(); <-done }
}

func TestRunsAtAFixedRateFromTheFirstInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		var event events.EventBridgeEvent
		// Runs of 20 s a minute do not overlap; the lock is for the race detector.
		var mu sync.Mutex
		s, stop := run(t, targetFunc(func(payload []byte) error {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
			time.Sleep(20 * time.Second)
			if len(at) == 2 {
				return errors.New("no")
			}
			return json.Unmarshal(payload, &event)
		}))
		time.Sleep(200 * time.Second)
		stop()
		if want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}; !reflect.DeepEqual(at, want) {
			t.Errorf("runs at %v, want %v", at, want)
		}
		if event.DetailType != "Scheduled Event" || event.Source != "aws.events" || event.ID != "id" || event.Region != "us-east-1" || !event.Time.Equal(start.Add(3*time.Minute)) {
			t.Errorf("event %+v", event)
		}
		if status := s.Status(); status.Runs != 3 || status.Failures != 1 || status.Throttles+status.Dropped != 0 {
			t.Errorf("status %+v", status)
		}
	})
}

// A run never overlaps with one that is still running. A tick that cannot start within its maximum age is dropped.
func TestScheduledRunsNeverOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		atOnce, most := 0, 0
		var at []time.Duration
		s, stop := run(t, newLimited(func([]byte) error {
			at = append(at, time.Since(start))
			atOnce++
			most = max(most, atOnce)
			time.Sleep(145 * time.Second)
			atOnce--
			return nil
		}))
		// The run of 1 min ends at 3:25. The tick of 2 min tries until 2:31 and is dropped; that of 3 min tries at 3:31 and
		// starts. It ends at 5:56, before the tick of 6 min.
		time.Sleep(9 * time.Minute)
		stop()
		want := []time.Duration{time.Minute, 3*time.Minute + 31*time.Second, 6 * time.Minute}
		if most != 1 || !reflect.DeepEqual(at[:3], want) {
			t.Errorf("%d at once, runs start at %v, want %v", most, at, want)
		}
		if status := s.Status(); status.Runs != int64(len(at)) || status.Dropped < 3 || status.Failures != 0 || status.Throttles < 10 {
			t.Errorf("status %+v", status)
		}
	})
}

// Without a reserved concurrency, runs of a function overlap, as on AWS.
func TestRunsOverlapWithoutReservedConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		atOnce, most := 0, 0
		_, stop := run(t, targetFunc(func([]byte) error {
			mu.Lock()
			atOnce++
			most = max(most, atOnce)
			mu.Unlock()
			time.Sleep(150 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			atOnce--
			return nil
		}))
		time.Sleep(5 * time.Minute)
		stop()
		if most != 3 {
			t.Errorf("%d at once, want 3", most)
		}
	})
}

// A failed run is repeated up to its number of retries, after one minute and after two more, unless it is too old by then.
func TestFailedRunIsRepeated(t *testing.T) {
	for _, c := range []struct {
		retries int
		age     time.Duration
		want    []time.Duration
	}{
		{0, time.Hour, []time.Duration{0}},
		{2, time.Hour, []time.Duration{0, time.Minute, 3 * time.Minute}},
		{2, 2 * time.Minute, []time.Duration{0, time.Minute}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			tries := map[string][]time.Time{}
			_, stop := runWith(t, targetFunc(func(payload []byte) error {
				mu.Lock()
				defer mu.Unlock()
				tries[string(payload)] = append(tries[string(payload)], time.Now())
				return errors.New("no")
			}), c.retries, c.age)
			time.Sleep(20*time.Minute + time.Second)
			mu.Lock()
			first := ""
			for event := range tries {
				if first == "" || tries[event][0].Before(tries[first][0]) {
					first = event
				}
			}
			var got []time.Duration
			for _, at := range tries[first] {
				got = append(got, at.Sub(tries[first][0]))
			}
			mu.Unlock()
			stop()
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%d retries within %s: tries after %v, want %v", c.retries, c.age, got, c.want)
			}
		})
	}
}

func TestStopWaitsForTheLastRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false
		_, stop := run(t, targetFunc(func([]byte) error { time.Sleep(10 * time.Second); finished = true; return nil }))
		time.Sleep(61 * time.Second)
		stop()
		if !finished {
			t.Error("the run was abandoned")
		}
	})
}
