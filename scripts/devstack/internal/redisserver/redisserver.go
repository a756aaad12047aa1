// Package redisserver configures the redis-server of a local stack. It is one node in cluster mode that owns every slot, so that
// it refuses a call across slots as production does. Producers and consumers have different users, so that a producer cannot
// write.
package redisserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/scripts/devstack/internal/stack"
)

// rights are the ACL rules of each user. Neither side has @dangerous: it contains KEYS and FLUSHALL, which would scan or delete
// every group, and the CLIENT commands that close connections of others. By the two CLUSTER commands a cluster client finds its
// node.
var rights = map[string]string{
	stack.RedisAdmin:  "~* &* +@all",
	stack.RedisWriter: "~* +@read +@write +@scripting +@connection +time -@dangerous +cluster|slots +cluster|shards",
	stack.RedisReader: "~* +@read +@connection -@dangerous +cluster|slots +cluster|shards",
	// pay has Stripe's key and reads responses from outside, so it must not be able to change a seat. It may use the buckets that
	// limit its calls (redisrate's take.lua), the lag of payments, and the commands of a cluster client. Every user may use HELLO
	// and AUTH.
	stack.RedisPay: "~{boxoffice:payments}:* ~boxoffice:payment-lag +eval +evalsha +time +hmget +hset +pexpire +set +ping +command +cluster|slots +cluster|shards",
}

// Config returns the text of redis.conf. Nothing is stored on disk: DynamoDB is the truth, and a group that is not loaded is
// rebuilt. Passwords are in it only as hashes.
//
// announced is the address (host:port) that the node announces to clients.
func Config(directory string, ports stack.Ports, announced string, passwords map[string]string) (string, error) {
	host, port, err := net.SplitHostPort(announced)
	if err != nil {
		return "", fmt.Errorf("redis: announced address: %w", err)
	}
	lines := []string{
		"bind 127.0.0.1",
		fmt.Sprintf("port %d", ports.Redis),
		"cluster-enabled yes",
		fmt.Sprintf("cluster-port %d", ports.RedisBus),
		// Without these the node does not know its own address and announces an empty one.
		"cluster-announce-ip " + host,
		"cluster-announce-port " + port,
		`save ""`,
		"appendonly no",
		fmt.Sprintf("dir %q", directory),
		"user default off",
	}
	for _, user := range slices.Sorted(maps.Keys(rights)) {
		sum := sha256.Sum256([]byte(passwords[user]))
		lines = append(lines, fmt.Sprintf("user %s on #%s %s", user, hex.EncodeToString(sum[:]), rights[user]))
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// ConfigName is the name of the file with Config, in the server's directory.
const ConfigName = "redis.conf"

// WriteConfig writes the configuration into the directory.
func WriteConfig(directory, config string) error {
	return stack.WriteFile(filepath.Join(directory, ConfigName), []byte(config))
}

// lastSlot is the last of a cluster's 16384 slots.
const lastSlot = 16383

// URL returns the server's URL with a user and password.
func URL(ports stack.Ports, user, password string) string {
	return "redis://" + user + ":" + password + "@" + stack.Address(ports.Redis)
}

// Client returns a client of the one node, signed in as the administrator.
func Client(ports stack.Ports, password string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: stack.Address(ports.Redis), Username: stack.RedisAdmin, Password: password,
		// The caller waits and repeats.
		MaxRetries: -1,
	})
}

// Ready gives the node every slot, if it has none, and reports whether it accepts commands. A node refuses them for about 2 s
// after its start. While the process runs, an error means that it is not ready yet.
func Ready(ctx context.Context, client *redis.Client) (bool, error) {
	info, err := client.ClusterInfo(ctx).Result()
	if err != nil {
		return false, fmt.Errorf("redis: %w", err)
	}
	if strings.Contains(info, "cluster_slots_assigned:0\r\n") {
		if err := client.ClusterAddSlotsRange(ctx, 0, lastSlot).Err(); err != nil {
			return false, fmt.Errorf("redis: take all slots: %w", err)
		}
	}
	return strings.Contains(info, "cluster_state:ok\r\n"), nil
}

// StartTimeout is far above the 2 s that a start takes.
const StartTimeout = 20 * time.Second
