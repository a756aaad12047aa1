// Package redisread reads seats from Redis for the producers. It uses read commands only: their Redis user may do no more. What
// it returns is a hint. A producer acts on "taken" alone; a missing key, an expired hold or no answer never means "free", it
// means that the queue decides. Each call takes at most 300 ms; while a shard of the cluster fails, a breaker refuses calls to it
// at once.
package redisread

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/admission"
)

// timeoutPerCall bounds one call. A client waits for it, and the order can do without the answer.
const timeoutPerCall = 300 * time.Millisecond

// Reader is safe for concurrent use.
type Reader struct {
	client redis.UniversalClient
	shards *shards
	now    func() time.Time

	mu sync.Mutex
	// pace and payments are the lags as last read.
	pace, payments lag
}

// New makes a Reader. If the client is one of a cluster, each shard has its own breaker.
func New(client redis.UniversalClient, now func() time.Time) *Reader {
	return &Reader{client: client, shards: newShards(client, now), now: now}
}

// NewClient makes the client of one process; it connects on first use. address is HOST:PORT, or rediss://HOST:PORT for TLS. The
// client reloads the cluster's state every second so that it follows a failover, since a refused connection alone does not make
// it reload. It does not retry: an order goes on without its answer.
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

// Dial connects to every master of the cluster, so that no request waits for that. A connection that fails is made on first use.
func Dial(ctx context.Context, client *redis.ClusterClient) error {
	return client.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return master.Ping(ctx).Err() })
}

// LogLibrary sends the log of go-redis to log, for the whole process; by default go-redis writes plain text. Call it once, at
// start-up.
func LogLibrary(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", telemetry.KeyLibraryMessage, fmt.Sprintf(format, v...))
}

// Look reads places of a group, its map and its lag, in one round trip. It reports the places that certainly belong to another
// order than the given one. If the group is not in Redis in this layout version, only its lag is known: its places are other
// seats. The revision is read before the seats, because a group never returns to a version that is not sold.
func (r *Reader) Look(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, places []int, now contracts.Instant) (admission.SeatsState, error) {
	fields := make([]string, len(places))
	for i, p := range places {
		fields[i] = strconv.Itoa(p)
	}
	keys := seatstate.KeysOf(g.SeatGroup)
	var head, entries *redis.SliceCmd
	err := r.call(ctx, keys.Rev, func(ctx context.Context) error {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			head, entries = p.MGet(ctx, keys.Rev, keys.Map, keys.Lag), p.HMGet(ctx, keys.Seats, fields...)
			return nil
		})
		return err
	})
	var seen admission.SeatsState
	if err == nil {
		seen.Shown, err = seatstate.SnapshotOf(g, textAt(head, 0), textAt(head, 1))
	}
	if err != nil {
		return admission.SeatsState{}, fmt.Errorf("read seats of %s: %w", g.Key(), err)
	}
	seen.Lag, seen.LagKnown = parseLag(textAt(head, 2))
	if !seen.Shown.Loaded {
		return seen, nil
	}
	for i, entry := range entries.Val() {
		text, there := entry.(string)
		if !there {
			continue
		}
		e, err := seatstate.ParseEntry(text)
		if err != nil {
			return admission.SeatsState{}, fmt.Errorf("read seats of %s: %w", g.Key(), err)
		}
		seen.Own = seen.Own || e.Order == order
		if e.TakenFrom(order, now) {
			seen.Taken = append(seen.Taken, i)
		}
	}
	return seen, nil
}

// Maps returns the maps of groups; see Groups.
func (r *Reader) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	states, err := r.Groups(ctx, groups, "")
	if states == nil {
		return nil, err
	}
	maps := make([]seatstate.Snapshot, len(states))
	for i, s := range states {
		maps[i] = s.Snapshot
	}
	return maps, err
}

// Groups returns the states of groups and the order's record in each, in one round trip per shard; order is "" to read no
// records. Map, revision and lag of a group are read at one instant, and the record after them. If a group is not in Redis in
// this layout version, only its lag is known.
//
// A group that was not read, or only in part, is returned as not loaded: without its record an order could be refused for its own
// hold. The error says so beside the states of the others. If no group was read, the states are nil.
func (r *Reader) Groups(ctx context.Context, groups []seatstate.GroupVersion, order contracts.OrderID) ([]admission.GroupState, error) {
	of := make([]contracts.SeatGroup, len(groups))
	for i, g := range groups {
		of[i] = g.SeatGroup
	}
	reads, records := make([]*redis.SliceCmd, len(groups)), make([]*redis.SliceCmd, len(groups))
	errs := r.perShard(ctx, of, func(p redis.Pipeliner, i int) []redis.Cmder {
		keys := seatstate.KeysOf(of[i])
		reads[i] = p.MGet(ctx, keys.Rev, keys.Map, keys.Lag)
		if order == "" {
			return []redis.Cmder{reads[i]}
		}
		// Not HGET, which returns an error if there is no record.
		records[i] = p.HMGet(ctx, keys.Orders, string(order))
		return []redis.Cmder{reads[i], records[i]}
	})
	states := make([]admission.GroupState, len(groups))
	for i := range groups {
		if errs[i] == nil {
			states[i], errs[i] = stateOf(groups[i], reads[i], records[i])
		}
		if errs[i] != nil {
			states[i] = admission.GroupState{}
		}
	}
	if none, err := unreadError(of, errs); err != nil {
		if none {
			states = nil
		}
		return states, fmt.Errorf("read seat maps: %w", err)
	}
	return states, nil
}

// Records returns the order's record in each of the groups, in one round trip per shard. The record of a group that was not read
// is not known, and the error says so beside the others.
func (r *Reader) Records(ctx context.Context, groups []contracts.SeatGroup, order contracts.OrderID) ([]admission.Record, error) {
	reads := make([]*redis.SliceCmd, len(groups))
	errs := r.perShard(ctx, groups, func(p redis.Pipeliner, i int) []redis.Cmder {
		reads[i] = p.HMGet(ctx, seatstate.KeysOf(groups[i]).Orders, string(order))
		return []redis.Cmder{reads[i]}
	})
	records := make([]admission.Record, len(groups))
	for i := range groups {
		if errs[i] == nil {
			records[i].Order, errs[i] = recordOf(reads[i])
		}
		records[i].Known = errs[i] == nil
	}
	if _, err := unreadError(groups, errs); err != nil {
		return records, fmt.Errorf("read an order's records: %w", err)
	}
	return records, nil
}

// stateOf parses the reply of a group. record is nil if no order was asked about.
func stateOf(g seatstate.GroupVersion, read, record *redis.SliceCmd) (state admission.GroupState, err error) {
	if state.Snapshot, err = seatstate.SnapshotOf(g, textAt(read, 0), textAt(read, 1)); err != nil {
		return admission.GroupState{}, err
	}
	state.Lag, state.LagKnown = parseLag(textAt(read, 2))
	if !state.Loaded {
		return state, nil // its record is of another layout version, or left over
	}
	if state.Order, err = recordOf(record); err != nil {
		return admission.GroupState{}, err
	}
	return state, nil
}

// recordOf parses the order's record in a group.
func recordOf(record *redis.SliceCmd) (seatstate.RecordState, error) {
	known := textAt(record, 0)
	if known == "" {
		return "", nil
	}
	r, err := seatstate.ParseRecord(known)
	return r.State, err
}

// textAt returns one value of a reply; "" if there is none.
func textAt(answer *redis.SliceCmd, at int) string {
	if answer == nil {
		return ""
	}
	text, _ := answer.Val()[at].(string)
	return text
}

// call makes one call about a key, within the timeout and the breaker of the key's shard.
func (r *Reader) call(ctx context.Context, key string, op func(context.Context) error) error {
	at, err := r.shards.of(ctx, key)
	if err != nil {
		return err
	}
	return callShard(ctx, at[0], op)
}
