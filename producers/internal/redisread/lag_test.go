package redisread_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/pace"
	"boxoffice/producers/internal/redisread"
)

// wire replaces the network: it replies to GET from values, or fails, and records the keys.
type wire struct {
	values map[string]string
	down   bool
	asked  []string
}

func (w *wire) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nothing is dialled") }
}

func (w *wire) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, command redis.Cmder) error {
		key, _ := command.Args()[1].(string)
		w.asked = append(w.asked, key)
		value, there := w.values[key]
		switch get, ok := command.(*redis.StringCmd); {
		case w.down || !ok:
			command.SetErr(errors.New("broken connection"))
		case !there:
			command.SetErr(redis.Nil)
		default:
			get.SetVal(value)
		}
		return command.Err()
	}
}

func (w *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// Each lag is read from its own key, at most once a second. Without an answer, or with a text that is no lag, it is 0.
func TestLagsAreReadOnceASecond(t *testing.T) {
	for key, read := range map[string]func(*redisread.Reader, context.Context) (time.Duration, error){
		seatstate.PaceKey: func(r *redisread.Reader, ctx context.Context) (time.Duration, error) {
			l, err := r.Pace(ctx)
			return l.Behind, err
		},
		seatstate.PaymentLagKey: (*redisread.Reader).PaymentLag,
	} {
		w := &wire{values: map[string]string{key: "61000"}}
		client := redis.NewClient(&redis.Options{})
		client.AddHook(w)
		now := time.UnixMilli(0)
		r := redisread.New(client, func() time.Time { return now })
		reads := 0
		for i, step := range []struct {
			after  time.Duration
			change func()
			want   time.Duration
			fails  bool
			reads  bool
		}{
			{want: 61 * time.Second, reads: true},
			{after: time.Second - 1, change: func() { w.values[key] = "5" }, want: 61 * time.Second},
			{after: 1, want: 5 * time.Millisecond, reads: true},
			{after: time.Second, change: func() { w.down = true }, fails: true, reads: true},
			{after: time.Second - 1},
			{after: 1, change: func() { w.down = false }, want: 5 * time.Millisecond, reads: true},
			{after: time.Second, change: func() { delete(w.values, key) }, reads: true},
			{after: time.Second, change: func() { w.values[key] = "-5" }, reads: true},
		} {
			now = now.Add(step.after)
			if step.change != nil {
				step.change()
			}
			if step.reads {
				reads++
			}
			if got, err := read(r, t.Context()); got != step.want || (err != nil) != step.fails || len(w.asked) != reads {
				t.Errorf("%s, step %d: %v, %v after %d reads; want %v, failed %t, after %d", key, i, got, err, len(w.asked), step.want, step.fails, reads)
			}
		}
		if slices.ContainsFunc(w.asked, func(asked string) bool { return asked != key }) {
			t.Errorf("asked for %v, want %s alone", w.asked, key)
		}
	}
}

// A pace says how long the process has read the same, be it a lag, none, or no answer. That ends with another value, and after 16
// s without a read: no client was waiting then. A known lag counts no longer than its key lives.
func TestPaceSaysHowLongItIsUnchanged(t *testing.T) {
	w := &wire{values: map[string]string{}}
	client := redis.NewClient(&redis.Options{})
	client.AddHook(w)
	now := time.UnixMilli(0)
	r := redisread.New(client, func() time.Time { return now })
	lag := func(text string) func() { return func() { w.values[seatstate.PaceKey] = text } }
	none := func() { delete(w.values, seatstate.PaceKey) }
	for i, step := range []struct {
		after  time.Duration
		change func()
		want   pace.Lag
		fails  bool
	}{
		{want: pace.Lag{}},
		{after: 500 * time.Millisecond, want: pace.Lag{For: 500 * time.Millisecond}},
		{after: 4500 * time.Millisecond, want: pace.Lag{For: 5 * time.Second}},
		{after: time.Second, change: lag("250"), want: pace.Lag{Behind: 250 * time.Millisecond, Known: true}},
		{after: 9 * time.Second, want: pace.Lag{Behind: 250 * time.Millisecond, Known: true, For: 9 * time.Second}},
		{after: time.Second, change: lag("260"), want: pace.Lag{Behind: 260 * time.Millisecond, Known: true}},
		{after: time.Second, change: none, want: pace.Lag{}},
		{after: time.Second, change: func() { w.down = true }, want: pace.Lag{For: time.Second}, fails: true},
		{after: 16 * time.Second, want: pace.Lag{For: 17 * time.Second}, fails: true},
		{after: 16*time.Second + 1, change: func() { w.down = false }, want: pace.Lag{}},
		{after: time.Second, change: lag("0"), want: pace.Lag{Known: true}},
		{after: 10 * time.Second, want: pace.Lag{Known: true, For: 10 * time.Second}},
		{after: time.Second, want: pace.Lag{Known: true, For: 10 * time.Second}},
		{after: 15 * time.Second, want: pace.Lag{Known: true, For: 10 * time.Second}},
		{after: time.Second, change: lag("0007"), want: pace.Lag{Behind: 7 * time.Millisecond, Known: true}},
		{after: time.Second, change: lag("soon"), want: pace.Lag{}},
		{after: time.Second, change: lag("9223372036854775807"), want: pace.Lag{}},
	} {
		now = now.Add(step.after)
		if step.change != nil {
			step.change()
		}
		if got, err := r.Pace(t.Context()); got != step.want || (err != nil) != step.fails {
			t.Errorf("step %d: %+v, %v; want %+v, failed %t", i, got, err, step.want, step.fails)
		}
	}
}

// Two buyers who order one after the other get the short wait of an idle service, and a client that asks as seldom as it is ever
// told to gets a longer one.
func TestIdleServiceHasShortWait(t *testing.T) {
	w := &wire{values: map[string]string{}}
	client := redis.NewClient(&redis.Options{})
	client.AddHook(w)
	now := time.UnixMilli(0)
	r := redisread.New(client, func() time.Time { return now })
	told := func(after time.Duration) time.Duration {
		t.Helper()
		now = now.Add(after)
		l, err := r.Pace(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return pace.Queued(l, nil)
	}
	if first, second := told(0), told(20*time.Second); second != first {
		t.Errorf("the first buyer is told %s, the one 20 s later %s", first, second)
	}
	if told(pace.Most); told(pace.Most) < 10*time.Second {
		t.Error("a client that has waited for half a minute gets the wait of a new one")
	}
	// Decisions are made all the time, each as fast as the clocks can measure.
	w.values[seatstate.PaceKey] = "0"
	for range 120 {
		if wait := told(time.Second); wait > 5*time.Second {
			t.Fatalf("told %s while each second an order is decided at once", wait)
		}
	}
}
