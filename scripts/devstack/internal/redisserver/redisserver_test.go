package redisserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/devstack/internal/process"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/freeport"
)

var passwords = map[string]string{stack.RedisAdmin: "a-secret", stack.RedisWriter: "w-secret", stack.RedisReader: "r-secret", stack.RedisPay: "p-secret"}

func serve(t *testing.T) stack.Ports {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is missing")
		}
		t.Skip("needs redis-server (Debian: apt-get install redis-server)")
	}
	var ports stack.Ports
	for _, port := range []*int{&ports.Redis, &ports.RedisBus} {
		if *port, err = freeport.Find(); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	config, err := Config(folder, ports, stack.Address(ports.Redis), passwords)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteConfig(folder, config); err != nil {
		t.Fatal(err)
	}
	running, err := process.Start(process.Spec{Name: "redis", Path: binary, Args: []string{filepath.Join(folder, ConfigName)}, Dir: folder, LogPath: filepath.Join(folder, "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background(), 5*time.Second); err != nil {
			t.Error(err)
		}
	})
	admin := Client(ports, passwords[stack.RedisAdmin])
	t.Cleanup(func() { _ = admin.Close() })
	for deadline := time.Now().Add(StartTimeout); ; {
		ready, err := Ready(t.Context(), admin)
		if ready {
			return ports
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(folder, "log"))
			t.Fatalf("not ready: %v\n%s", err, log)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func clusterClient(t *testing.T, ports stack.Ports, user string) *redis.ClusterClient {
	t.Helper()
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{stack.Address(ports.Redis)}, Username: user, Password: passwords[user], MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestEachUserMayDoOnlyWhatItsSideNeeds(t *testing.T) {
	ports := serve(t)
	ctx := t.Context()
	writer, reader := clusterClient(t, ports, stack.RedisWriter), clusterClient(t, ports, stack.RedisReader)

	script := redis.NewScript(`
		local now = redis.call('TIME')
		redis.call('HSET', KEYS[1], ARGV[1], 'held o 1')
		redis.call('ZADD', KEYS[2], now[1], 'o')
		redis.call('BITFIELD', KEYS[3], 'SET', 'u2', '#3', 1)
		redis.call('SET', KEYS[4], '1.1')
		redis.call('DEL', KEYS[5])
		return redis.call('GET', KEYS[4])`)
	keys := []string{"{c#g}:seats", "{c#g}:lapses", "{c#g}:map", "{c#g}:rev", "{c#g}:ends"}
	if got, err := script.Run(ctx, writer, keys, 3).Text(); err != nil || got != "1.1" {
		t.Errorf("writer's script: %q, %v", got, err)
	}
	if _, err := writer.SetNX(ctx, "{c#g}:lock", 1, time.Minute).Result(); err != nil {
		t.Errorf("writer's lock: %v", err)
	}
	if got, err := reader.Get(ctx, "{c#g}:rev").Result(); err != nil || got != "1.1" {
		t.Errorf("reader's get: %q, %v", got, err)
	}
	pipe := reader.Pipeline()
	taken, states := pipe.HMGet(ctx, "{c#g}:seats", "3", "4"), pipe.Get(ctx, "{c#g}:map")
	if _, err := pipe.Exec(ctx); err != nil || taken.Val()[0] != "held o 1" || states.Val() != "\x01" {
		t.Errorf("reader's pipeline: %v, %q, %v", taken.Val(), states.Val(), err)
	}

	forbidden := map[string][]any{
		"set": {"set", "x", "1"}, "del": {"del", "{c#g}:rev"}, "eval": {"eval", "return 1", "0"}, "flushall": {"flushall"},
		"keys": {"keys", "*"}, "client kill": {"client", "kill", "id", "1"}, "config": {"config", "get", "port"}, "publish": {"publish", "x", "y"},
	}
	for name, command := range forbidden {
		if err := reader.Do(ctx, command...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("reader's %s: %v, want NOPERM", name, err)
		}
	}
	for _, name := range []string{"flushall", "keys", "client kill", "config"} {
		if err := writer.Do(ctx, forbidden[name]...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("writer's %s: %v, want NOPERM", name, err)
		}
	}
	anonymous := redis.NewClient(&redis.Options{Addr: stack.Address(ports.Redis), MaxRetries: -1})
	defer anonymous.Close() //nolint:errcheck // the test is over
	if err := anonymous.Ping(ctx).Err(); err == nil {
		t.Error("a client without a password may use the server")
	}
}

// takeScript returns the script that pay runs, as it is deployed.
func takeScript(t *testing.T) *redis.Script {
	t.Helper()
	var text string
	for _, name := range []string{"clock.lua", "take.lua"} {
		content, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "consumers", "internal", "adapters", "redisrate", name))
		if err != nil {
			t.Fatal(err)
		}
		text += string(content)
	}
	return redis.NewScript(text)
}

// pay reads responses from outside. An attacker who controls it cannot change a seat.
func TestPayMayOnlyLimitItsCalls(t *testing.T) {
	ports := serve(t)
	ctx := t.Context()
	pay, writer := clusterClient(t, ports, stack.RedisPay), clusterClient(t, ports, stack.RedisWriter)

	take := takeScript(t)
	for n := range 4 { // of a bucket with two tokens, counted in millionths
		wait, err := take.Run(ctx, pay, []string{"{boxoffice:payments}:writes"}, "settling", 1, 2_000_000, 0, 10_000_000).Int64()
		if err != nil || (wait > 0) != (n >= 2) {
			t.Errorf("take %d: %d, %v", n, wait, err)
		}
	}
	if err := pay.Set(ctx, seatstate.PaymentLagKey, 250, seatstate.PaymentLagKept).Err(); err != nil {
		t.Errorf("the lag of payments: %v", err)
	}
	if err := writer.HSet(ctx, "{c#g}:seats", "3", "held o 1").Err(); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string][]any{
		"set of another key": {"set", "{c#g}:rev", "1"}, "set of the lag of decisions": {"set", seatstate.PaceKey, "1"},
		"hset of a seat": {"hset", "{c#g}:seats", "3", "x"}, "hmget of a seat": {"hmget", "{c#g}:seats", "3"}, "pexpire of a seat": {"pexpire", "{c#g}:seats", "1"},
		"script over a seat":        {"eval", "return redis.call('HSET', KEYS[1], '3', 'x')", "1", "{c#g}:seats"},
		"script that hides its key": {"eval", "return redis.call('HSET', '{c#g}:seats', '3', 'x')", "0"},
		"script that deletes":       {"eval", "return redis.call('DEL', KEYS[1])", "1", "{boxoffice:payments}:writes"},
		"key that begins likewise":  {"set", "{boxoffice:payments}x", "1"}, "lag with more": {"set", seatstate.PaymentLagKey + "s", "1"},
		"get": {"get", seatstate.PaymentLagKey}, "del": {"del", "{boxoffice:payments}:writes"}, "hgetall": {"hgetall", "{boxoffice:payments}:writes"},
		"script load": {"script", "load", "return 1"}, "script flush": {"script", "flush"}, "keys": {"keys", "*"}, "scan": {"scan", "0"},
		"flushall": {"flushall"}, "flushdb": {"flushdb"}, "config": {"config", "get", "port"}, "publish": {"publish", "x", "y"},
		"client kill": {"client", "kill", "id", "1"}, "acl": {"acl", "list"}, "cluster info": {"cluster", "info"},
		"function": {"function", "list"}, "dump": {"dump", "{c#g}:seats"}, "monitor": {"monitor"}, "shutdown": {"shutdown", "nosave"},
	} {
		err := pay.Do(ctx, command...).Err()
		// A command that is refused inside a script is reported as the script's error.
		if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "user executing the script can't") {
			t.Errorf("pay's %s: %v, want NOPERM", name, err)
		}
	}
	if held := writer.HGet(ctx, "{c#g}:seats", "3").Val(); held != "held o 1" {
		t.Errorf("the seat is now %q", held)
	}
}

func TestACallWithKeysOfTwoGroupsIsRefused(t *testing.T) {
	ports := serve(t)
	writer := clusterClient(t, ports, stack.RedisWriter)
	err := writer.Do(t.Context(), "eval", "return 1", "2", "{c#g}:rev", "{c#h}:rev").Err()
	if err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT") {
		t.Errorf("error %v, want CROSSSLOT", err)
	}
}

func TestConfigHasNoPassword(t *testing.T) {
	config, err := Config("/x", stack.Ports{Redis: 1, RedisBus: 2}, "127.0.0.1:1", passwords)
	if err != nil {
		t.Fatal(err)
	}
	for user, password := range passwords {
		if strings.Contains(config, password) {
			t.Errorf("the password of %s is in the configuration", user)
		}
		if !strings.Contains(config, fmt.Sprintf("user %s on #", user)) {
			t.Errorf("user %s is not in the configuration", user)
		}
	}
}
