// Package redisread reads seats from Redis for the producers, with read commands only: their Redis user may do no
// more. What it answers is a hint. "Taken" is the one answer that a producer acts on; a missing key, a lapsed hold or
// no answer at all never means "free", it means that the queue decides.
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

// timeoutPerCall bounds a look: a client waits for it, and can do without.
const timeoutPerCall = 300 * time.Millisecond

// Reader is safe for concurrent use.
type Reader struct {
	client redis.UniversalClient
	shards *shards
	now    func() time.Time

	mu sync.Mutex
	// pace and payments are lags as last read.
	pace, payments lag
}

// New makes a Reader. Where the client is one of a cluster, each shard has a breaker of its own.
func New(client redis.UniversalClient, now func() time.Time) *Reader {
	return &Reader{client: client, shards: newShards(client, now), now: now}
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
func (r *Reader) Look(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, places []int, now contracts.Instant) (admission.SeatsState, error) {
	fields := make([]string, len(places))
	for i, p := range places {
		fields[i] = strconv.Itoa(p)
	}
	keys := seatstate.KeysOf(g.SeatGroup)
	var head, entries *redis.SliceCmd
	err := r.call(ctx, keys.Rev, func(ctx context.Context) error {
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
		return admission.SeatsState{}, fmt.Errorf("look at seats of %s: %w", g.Key(), err)
	}
	var seen admission.SeatsState
	seen.Lag, seen.LagKnown = parseLag(textAt(head, 1))
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
			return admission.SeatsState{}, fmt.Errorf("look at seats of %s: %w", g.Key(), err)
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
	if states == nil {
		return nil, err
	}
	maps := make([]seatstate.Snapshot, len(states))
	for i, s := range states {
		maps[i] = s.Snapshot
	}
	return maps, err
}

// Groups answers the states of groups and what an order is in each, in one round trip a shard. Map, revision and lag of a
// group are read at one instant, and the order's record after them. order is "" when no order is asked about. Of a
// group that is not in Redis in this layout version nothing is known but its lag.
//
// A group that was not read, or not as a whole, is answered as one that is not loaded: a record that was not read would let an
// order be refused for its own hold. The error says so beside the states of the others; without any the states are nil.
func (r *Reader) Groups(ctx context.Context, groups []seatstate.GroupVersion, order contracts.OrderID) ([]admission.GroupState, error) {
	of := make([]contracts.SeatGroup, len(groups))
	for i, g := range groups {
		of[i] = g.SeatGroup
	}
	reads, records := make([]*redis.SliceCmd, len(groups)), make([]*redis.SliceCmd, len(groups))
	errs := r.ask(ctx, of, func(p redis.Pipeliner, i int) []redis.Cmder {
		keys := seatstate.KeysOf(of[i])
		reads[i] = p.MGet(ctx, keys.Rev, keys.Map, keys.Lag)
		if order == "" {
			return []redis.Cmder{reads[i]}
		}
		// Not HGET: its answer for "none" is an error.
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
	if err, none := unread(of, errs); err != nil {
		if none {
			states = nil
		}
		return states, fmt.Errorf("read seat maps: %w", err)
	}
	return states, nil
}

// Records answers what an order is in groups, in one round trip a shard. Of a group that was not read it is not known, and the
// error says so beside the others.
func (r *Reader) Records(ctx context.Context, groups []contracts.SeatGroup, order contracts.OrderID) ([]admission.Record, error) {
	reads := make([]*redis.SliceCmd, len(groups))
	errs := r.ask(ctx, groups, func(p redis.Pipeliner, i int) []redis.Cmder {
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
	if err, _ := unread(groups, errs); err != nil {
		return records, fmt.Errorf("read an order's records: %w", err)
	}
	return records, nil
}

// stateOf reads what a group answered; record is nil when no order was asked about.
func stateOf(g seatstate.GroupVersion, read, record *redis.SliceCmd) (state admission.GroupState, err error) {
	if state.Snapshot, err = seatstate.SnapshotOf(g, textAt(read, 0), textAt(read, 1)); err != nil {
		return admission.GroupState{}, err
	}
	state.Lag, state.LagKnown = parseLag(textAt(read, 2))
	if !state.Loaded {
		return state, nil // what lies beside it is of another layout, or left behind
	}
	if state.Order, err = recordOf(record); err != nil {
		return admission.GroupState{}, err
	}
	return state, nil
}

// recordOf reads what the order is in a group.
func recordOf(record *redis.SliceCmd) (seatstate.RecordState, error) {
	known := textAt(record, 0)
	if known == "" {
		return "", nil
	}
	r, err := seatstate.ParseRecord(known)
	return r.State, err
}

// textAt is a value of an answer; "" if there is none.
func textAt(answer *redis.SliceCmd, at int) string {
	if answer == nil {
		return ""
	}
	text, _ := answer.Val()[at].(string)
	return text
}

// call makes one call about a key, within its timeout and the breaker of the key's shard.
func (r *Reader) call(ctx context.Context, key string, op func(context.Context) error) error {
	at, err := r.shards.of(ctx, key)
	if err != nil {
		return err
	}
	return callShard(ctx, at[0], op)
}
