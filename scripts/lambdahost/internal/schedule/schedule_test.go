package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

type targetFunc func([]byte) error

func (f targetFunc) Invoke(_ context.Context, payload []byte, _ time.Duration) ([]byte, error) {
	return nil, f(payload)
}

func run(t *testing.T, target Target) (*Schedule, func()) {
	t.Helper()
	s, err := New(target, Options{Function: "reconcile", Every: time.Minute, Account: "000000000001", Region: "us-east-1", Now: time.Now, NewID: func() string { return "id" }, Logger: slog.New(slog.DiscardHandler)})
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
		s, stop := run(t, targetFunc(func(payload []byte) error {
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
		if status := s.Status(); status.Runs != 3 || status.Failures != 1 || status.Skipped != 0 {
			t.Errorf("status %+v", status)
		}
	})
}

func TestRunThatGoesOnLetsTheNextFallOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		atOnce, most := 0, 0
		s, stop := run(t, targetFunc(func([]byte) error {
			atOnce++
			most = max(most, atOnce)
			time.Sleep(150 * time.Second)
			atOnce--
			return nil
		}))
		// Runs begin at 1 and 4 min; the ticks at 2, 3, 5 and 6 min fall out.
		time.Sleep(385 * time.Second)
		stop()
		if status := s.Status(); most != 1 || status.Runs != 2 || status.Skipped != 4 {
			t.Errorf("%d at once, status %+v", most, status)
		}
	})
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
