// Package redisclient is how a process speaks to Redis, for every adapter that does: one client, one way to make a call, and
// the lags that are left for those who take orders.
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

// NewClient makes the client of one process, to be shared by all that uses Redis there. addr is HOST:PORT of the
// cluster's configuration address, or rediss://HOST:PORT to speak TLS, which ElastiCache wants where users have
// passwords. It dials on first use.
//
// The defaults of go-redis are made for a caller that wants an answer at last. Here one layer retries, and it is the
// queue; a client that tries again by itself multiplies the load of an outage and hides it from the breaker.
func NewClient(addr, user, password string) *redis.ClusterClient {
	options := &redis.ClusterOptions{
		Username: user,
		Password: password,

		// A refused connection does not make the client ask who is master now; only the next reload does. With the
		// default of a minute, writes stay away for 16 to 25 s after a failover, with 1 s for less than 1 s.
		ClusterStateReloadInterval: time.Second,
		// One dial a connection and no retries: with the defaults one operation dials a dead server 11 times.
		MaxRetries:    -1,
		DialerRetries: 1,
		// One redirect follows a slot that has moved. It also repeats a call whose connection broke, which is why
		// every operation may be repeated.
		MaxRedirects: 1,
		// Without it the timeout per call ends nothing: the client would wait for ReadTimeout.
		ContextTimeoutEnabled: true,
		DialTimeout:           time.Second,
		ReadTimeout:           time.Second,
		WriteTimeout:          time.Second,

		// Two commands on every new connection that no reader of ours uses; the second is known to one vendor only.
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

// Dial connects to every master of the cluster, so that no message waits for that. What fails is dialled on first use.
func Dial(ctx context.Context, client *redis.ClusterClient) error {
	return client.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return master.Ping(ctx).Err() })
}

// LogLibrary sends what go-redis has to say to log, for the whole process: by itself it writes plain text to standard
// error, which no reader of JSON lines understands. Call it once, at start-up.
func LogLibrary(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

// Printf implements the logger that go-redis asks for.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", telemetry.KeyDependency, "redis", telemetry.KeyLibraryMessage, fmt.Sprintf(format, v...))
}
