// Package redisread reads seats from Redis for the producers, with read commands only: their Redis user may do no
// more. What it answers is a hint. "Taken" is the one answer that a producer acts on; a missing key, a lapsed hold or
// no answer at all never means "free", it means that the queue decides.
package redisread

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/look"
)

// timeoutPerCall bounds a look: a client waits for it, and can do without.
const timeoutPerCall = 300 * time.Millisecond

// Reader is safe for concurrent use.
type Reader struct {
	client  redis.UniversalClient
	breaker *gobreaker.CircuitBreaker
	now     func() time.Time

	mu sync.Mutex
	// downSince is when the breaker opened after it was last closed; zero while it is closed.
	downSince time.Time
	// pace and payments are lags as last read.
	pace, payments lag
}

// lag is one that was read at an instant; zero when it was not yet.
type lag struct {
	is time.Duration
	at time.Time
}

// failuresToOpen and openFor: after some failed looks in a row the producer stops waiting for Redis, and tries it
// again after some seconds.
const (
	failuresToOpen = 5
	openFor        = 2 * time.Second
)

// New makes a Reader.
func New(client redis.UniversalClient, now func() time.Time) *Reader {
	r := &Reader{client: client, now: now}
	r.breaker = gobreaker.NewCircuitBreaker(gobreaker.Settings{
		Name:          "redis",
		Timeout:       openFor,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		OnStateChange: r.stateChanged,
	})
	return r
}

// NewClient makes the client of one process; it dials on first use. address is HOST:PORT, or rediss://HOST:PORT for
// TLS. Reloading the cluster's state every second is what lets it follow a failover, since a refused connection alone
// does not make it look. It does not retry: a look is given up rather than waited for.
func NewClient(address, user, password string) *redis.ClusterClient {
	options := &redis.ClusterOptions{
		Username: user, Password: password,
		ClusterStateReloadInterval: time.Second,
		MaxRetries:                 -1,
		MaxRedirects:               1,
		DialerRetries:              1,
		ContextTimeoutEnabled:      true,
		DialTimeout:                timeoutPerCall,
		ReadTimeout:                timeoutPerCall,
		WriteTimeout:               timeoutPerCall,
		DisableIdentity:            true,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if host, secure := strings.CutPrefix(address, "rediss://"); secure {
		address = host
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	options.Addrs = []string{address}
	return redis.NewClusterClient(options)
}

// Dial connects to every master of the cluster, so that no request waits for that. What fails is dialled on first use.
func Dial(ctx context.Context, client *redis.ClusterClient) error {
	return client.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return master.Ping(ctx).Err() })
}

// LogLibrary sends what go-redis has to say to log, for the whole process; by itself it writes plain text. Call it
// once, at start-up.
func LogLibrary(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", telemetry.KeyLibraryMessage, fmt.Sprintf(format, v...))
}

// Look looks at places of a group and at its lag, in one round trip. Of a group that is not in Redis in this layout version
// nothing is known but its lag: its places are other seats. The revision is read first, since a group never comes back to a
// version that is not sold.
func (r *Reader) Look(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, places []int, now contracts.Instant) (look.Seats, error) {
	fields := make([]string, len(places))
	for i, p := range places {
		fields[i] = strconv.Itoa(p)
	}
	keys := seatstate.KeysOf(g.SeatGroup)
	var head, entries *redis.SliceCmd
	err := r.call(ctx, func(ctx context.Context) error {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			head, entries = p.MGet(ctx, keys.Rev, keys.Lag), p.HMGet(ctx, keys.Seats, fields...)
			return nil
		})
		return err
	})
	var shown seatstate.Snapshot
	if err == nil {
		shown, err = seatstate.SnapshotOf(g, textAt(head, 0), "")
	}
	if err != nil {
		return look.Seats{}, fmt.Errorf("look at seats of %s: %w", g.Key(), err)
	}
	seen := look.Seats{Lag: parseLag(textAt(head, 1))}
	if !shown.Loaded {
		return seen, nil
	}
	for i, entry := range entries.Val() {
		text, there := entry.(string)
		if !there {
			continue
		}
		e, err := seatstate.ParseEntry(text)
		if err != nil {
			return look.Seats{}, fmt.Errorf("look at seats of %s: %w", g.Key(), err)
		}
		if e.TakenFrom(order, now) {
			seen.Taken = append(seen.Taken, i)
		}
	}
	return seen, nil
}

// Maps answers the maps of groups; see Groups.
func (r *Reader) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	states, err := r.Groups(ctx, groups, "")
	maps := make([]seatstate.Snapshot, len(states))
	for i, s := range states {
		maps[i] = s.Snapshot
	}
	return maps, err
}

// parseLag reads a lag; none, or one that is no number, is no lag.
func parseLag(text string) time.Duration {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// Pace is the lag of whoever decided last, in any group; 0 when no decision was made in the last seconds. It is read
// at most once in seatstate.PaceEvery, since every GET of a queued order asks for it.
func (r *Reader) Pace(ctx context.Context) (time.Duration, error) {
	return r.lagOf(ctx, seatstate.PaceKey, &r.pace)
}

// PaymentLag is how far the steps of payments are behind their queue; 0 when none was taken for a while. It is read at
// most once in seatstate.PaceEvery, since every POST asks for it.
func (r *Reader) PaymentLag(ctx context.Context) (time.Duration, error) {
	return r.lagOf(ctx, seatstate.PaymentLagKey, &r.payments)
}

// lagOf reads a lag, unless the last one is young enough. No answer is a lag of 0 until the next read: it refuses nobody,
// and not every request waits for a Redis that is away.
func (r *Reader) lagOf(ctx context.Context, key string, last *lag) (time.Duration, error) {
	now := r.now()
	r.mu.Lock()
	known := *last
	r.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < seatstate.PaceEvery {
		return known.is, nil
	}
	var text string
	err := r.call(ctx, func(ctx context.Context) (err error) {
		text, err = r.client.Get(ctx, key).Result()
		return err
	})
	read := lag{is: parseLag(text), at: now}
	r.mu.Lock()
	*last = read
	r.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	return read.is, nil
}

// DownFor says how long Redis has failed without a success between; 0 while it answers. It counts from the first time
// that the breaker opened: a failed probe does not begin anew.
func (r *Reader) DownFor() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.downSince.IsZero() {
		return 0
	}
	return r.now().Sub(r.downSince)
}

func (r *Reader) stateChanged(_ string, _, to gobreaker.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case to == gobreaker.StateClosed:
		r.downSince = time.Time{}
	case r.downSince.IsZero():
		r.downSince = r.now()
	}
}

// Groups answers the states of groups and what an order is in each, in one round trip a node. Map, revision and lag of a
// group are read at one instant, and the order's record after them. order is "" when no order is asked about. Of a group that
// is not in Redis in this layout version nothing is known but its lag.
func (r *Reader) Groups(ctx context.Context, groups []seatstate.GroupVersion, order contracts.OrderID) ([]look.Group, error) {
	reads, records := make([]*redis.SliceCmd, len(groups)), make([]*redis.SliceCmd, len(groups))
	err := r.call(ctx, func(ctx context.Context) error {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, g := range groups {
				keys := seatstate.KeysOf(g.SeatGroup)
				reads[i] = p.MGet(ctx, keys.Rev, keys.Map, keys.Lag)
				if order != "" {
					// Not HGET: its answer for "none" is an error, and the first error of a pipeline hides the others.
					records[i] = p.HMGet(ctx, keys.Orders, string(order))
				}
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read seat maps: %w", err)
	}
	states := make([]look.Group, len(groups))
	for i := range groups {
		if states[i], err = stateOf(groups[i], reads[i], records[i]); err != nil {
			return nil, fmt.Errorf("group %s: %w", groups[i].Key(), err)
		}
	}
	return states, nil
}

// stateOf reads what a group answered; record is nil when no order was asked about.
func stateOf(g seatstate.GroupVersion, read, record *redis.SliceCmd) (state look.Group, err error) {
	if state.Snapshot, err = seatstate.SnapshotOf(g, textAt(read, 0), textAt(read, 1)); err != nil {
		return look.Group{}, err
	}
	state.Lag = parseLag(textAt(read, 2))
	if !state.Loaded {
		return state, nil // what lies beside it is of another layout, or left behind
	}
	if known := textAt(record, 0); known != "" {
		r, err := seatstate.ParseRecord(known)
		if err != nil {
			return look.Group{}, err
		}
		state.Order = r.State
	}
	return state, nil
}

// textAt is a value of an answer; "" if there is none.
func textAt(answer *redis.SliceCmd, at int) string {
	if answer == nil {
		return ""
	}
	text, _ := answer.Val()[at].(string)
	return text
}

// call makes one call within its timeout and the breaker. A cancelled call counts as a failure: it says nothing good
// of Redis, and a cancelled probe must not close the breaker.
func (r *Reader) call(ctx context.Context, op func(context.Context) error) error {
	_, err := r.breaker.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, timeoutPerCall)
		defer cancel()
		err := op(ctx)
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return nil, err
	})
	return err
}
