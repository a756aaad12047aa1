// Package redisclient makes the Redis client of a process, makes calls with a timeout and a breaker, and stores the lags
// that the producers read.
package redisclient

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"boxoffice/contracts/telemetry"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// NewClient makes the client of one process, shared by all that uses Redis there. addr is HOST:PORT of the cluster's
// configuration address, or rediss://HOST:PORT for TLS, which ElastiCache requires where users have passwords. The client
// dials on first use.
//
// The defaults of go-redis are made for a caller that waits until it gets an answer. Here one layer retries, and it is the
// queue: a client that retries by itself multiplies the load of an outage and hides it from the breaker.
func NewClient(addr, user, password string) *redis.ClusterClient {
	options := &redis.ClusterOptions{
		Username: user,
		Password: password,

		// A refused connection does not make the client ask for the new master; only the next reload does. With the default
		// of a minute, writes fail for 16 to 25 s after a failover; with 1 s, for less than 1 s.
		ClusterStateReloadInterval: time.Second,
		// One dial a connection and no retries: with the defaults one operation dials a dead server 11 times.
		MaxRetries:    -1,
		DialerRetries: 1,
		// One redirect follows a slot that has moved. It also repeats a call whose connection broke, so every operation
		// must be safe to repeat.
		MaxRedirects: 1,
		// Without it the timeout per call has no effect: the client would wait for ReadTimeout.
		ContextTimeoutEnabled: true,
		DialTimeout:           time.Second,
		ReadTimeout:           time.Second,
		WriteTimeout:          time.Second,

		// Two commands on every new connection that nothing here needs; only one vendor knows the second.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if host, secure := strings.CutPrefix(addr, "rediss://"); secure {
		addr = host
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	options.Addrs = []string{addr}
	return redis.NewClusterClient(options)
}

// Dial connects to every master of the cluster, so that no message waits for a connection. A connection that fails is
// dialled again on first use.
func Dial(ctx context.Context, client *redis.ClusterClient) error {
	return client.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return master.Ping(ctx).Err() })
}

// LogLibrary sends the log of go-redis to log, for the whole process: by default it writes plain text to standard error,
// which a reader of JSON lines cannot parse. Call it once, at start-up.
func LogLibrary(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

// Printf implements the logger interface of go-redis.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", telemetry.KeyDependency, "redis", telemetry.KeyLibraryMessage, fmt.Sprintf(format, v...))
}
