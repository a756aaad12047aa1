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
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// timeoutPerCall bounds a look: a client waits for it, and can do without.
const timeoutPerCall = 300 * time.Millisecond

// Reader is safe for concurrent use.
type Reader struct {
	client  redis.UniversalClient
	breaker *gobreaker.CircuitBreaker
}

// failuresToOpen and openFor: after some failed looks in a row the producer stops waiting for Redis, and tries it
// again after some seconds.
const (
	failuresToOpen = 5
	openFor        = 2 * time.Second
)

// New makes a Reader.
func New(client redis.UniversalClient) *Reader {
	return &Reader{client: client, breaker: gobreaker.NewCircuitBreaker(gobreaker.Settings{
		Name:        "redis",
		Timeout:     openFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
	})}
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

// LogLibrary sends what go-redis has to say to log, for the whole process; by itself it writes plain text. Call it
// once, at start-up.
func LogLibrary(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", telemetry.KeyLibraryMessage, fmt.Sprintf(format, v...))
}

// Taken answers which of the places are for sure another order's: an index into places each. One round trip.
func (r *Reader) Taken(ctx context.Context, g contracts.SeatGroup, order contracts.OrderID, places []int, now contracts.Instant) ([]int, error) {
	fields := make([]string, len(places))
	for i, p := range places {
		fields[i] = strconv.Itoa(p)
	}
	var entries []any
	err := r.call(ctx, func(ctx context.Context) (err error) {
		entries, err = r.client.HMGet(ctx, seatstate.KeysOf(g).Seats, fields...).Result()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at seats of %s: %w", g.Key(), err)
	}
	var taken []int
	for i, entry := range entries {
		text, there := entry.(string)
		if !there {
			continue
		}
		e, err := seatstate.ParseEntry(text)
		if err != nil {
			return nil, fmt.Errorf("look at seats of %s: %w", g.Key(), err)
		}
		if e.TakenFrom(order, now) {
			taken = append(taken, i)
		}
	}
	return taken, nil
}

// Groups answers the states of groups, in one round trip a node. Map and revision of a group are read at one instant.
func (r *Reader) Groups(ctx context.Context, groups []contracts.SeatGroup) ([]seatstate.Snapshot, error) {
	reads := make([]*redis.SliceCmd, len(groups))
	err := r.call(ctx, func(ctx context.Context) error {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, g := range groups {
				keys := seatstate.KeysOf(g)
				reads[i] = p.MGet(ctx, keys.Rev, keys.Map)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read seat maps: %w", err)
	}
	states := make([]seatstate.Snapshot, len(groups))
	for i, read := range reads {
		rev, loaded := read.Val()[0].(string)
		if !loaded {
			continue
		}
		revision, err := seatstate.ParseRevision(rev)
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", groups[i].Key(), err)
		}
		bits, _ := read.Val()[1].(string)
		states[i] = seatstate.Snapshot{Loaded: true, Revision: revision, Map: seatstate.SeatMap(bits)}
	}
	return states, nil
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
