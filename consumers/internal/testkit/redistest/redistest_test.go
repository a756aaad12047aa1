package redistest_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"boxoffice/consumers/internal/testkit/redistest"

	"github.com/redis/go-redis/v9"
)

func TestMain(m *testing.M) { os.Exit(redistest.Run(m)) }

func TestServerIsAClusterNode(t *testing.T) {
	addr := redistest.Addr(t)
	if again := redistest.Addr(t); again != addr {
		t.Fatalf("a second server at %s, the first is at %s", again, addr)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
	defer func() { _ = client.Close() }()
	ctx := context.Background()
	for _, key := range []string{"{a}:1", "{b}:1", "{c}:1"} {
		if err := client.Set(ctx, key, "x", 0).Err(); err != nil {
			t.Errorf("write %s: %v", key, err)
		}
	}
	// A cluster client would refuse this by itself, so the call goes straight to the server.
	plain := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = plain.Close() }()
	err := plain.MGet(ctx, "{a}:1", "{b}:1").Err()
	if err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT") {
		t.Errorf("keys of two slots: %v, want CROSSSLOT", err)
	}
}
