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
	"boxoffice/producers/internal/redisread"
)

// wire stands before the network: it answers GET from values, or fails, and notes the keys asked for.
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

// Each lag is read from its own key, at most once a second; without an answer, or with none that is a lag, it is 0.
func TestLagsAreReadOnceASecond(t *testing.T) {
	for key, read := range map[string]func(*redisread.Reader, context.Context) (time.Duration, error){
		seatstate.PaceKey:       (*redisread.Reader).Pace,
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
