// Package connectionstest has the conformance suite of connections.Store, and a store in memory.
package connectionstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/connections"
)

// Store is a store whose items a test can read.
type Store interface {
	connections.Store
	// Item returns an item.
	Item(ctx context.Context, connectionID string) (item readmodel.Connection, found bool, err error)
}

// Exercise runs the suite. open makes an empty store.
func Exercise(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	now := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
	connection := func(id string) readmodel.Connection {
		return readmodel.Connection{ConnectionID: id, UserID: "u1", ConnectedAt: contracts.InstantOf(now), ExpiresAt: now.Add(time.Hour).Unix()}
	}
	t.Run("a connection is stored with the mark of its ticket", func(t *testing.T) {
		s := open(t)
		if used, err := s.Open(t.Context(), connection("c1"), "n1", now.Add(time.Minute)); used || err != nil {
			t.Fatal(used, err)
		}
		if got, found, err := s.Item(t.Context(), "c1"); !found || err != nil || got != connection("c1") {
			t.Errorf("%+v, %t, %v", got, found, err)
		}
		want := readmodel.Connection{ConnectionID: readmodel.UsedTicket("n1"), ExpiresAt: now.Add(time.Minute).Unix()}
		if got, found, err := s.Item(t.Context(), want.ConnectionID); !found || err != nil || got != want {
			t.Errorf("%+v, %t, %v", got, found, err)
		}
	})
	t.Run("a used ticket stores nothing", func(t *testing.T) {
		s := open(t)
		if used, err := s.Open(t.Context(), connection("c1"), "n1", now); used || err != nil {
			t.Fatal(used, err)
		}
		if used, err := s.Open(t.Context(), connection("c2"), "n1", now); !used || err != nil {
			t.Errorf("the second use: %t, %v", used, err)
		}
		if _, found, err := s.Item(t.Context(), "c2"); found || err != nil {
			t.Errorf("the second connection: %t, %v", found, err)
		}
		if used, err := s.Open(t.Context(), connection("c3"), "n2", now); used || err != nil {
			t.Errorf("another ticket: %t, %v", used, err)
		}
	})
	t.Run("one ticket at once opens one connection", func(t *testing.T) {
		s := open(t)
		var opened atomic.Int32
		var wait sync.WaitGroup
		for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
			wait.Go(func() {
				// A conflict with another transaction is an error, and the ticket is then used by that one.
				if used, err := s.Open(t.Context(), connection(id), "n1", now); err == nil && !used {
					opened.Add(1)
				}
			})
		}
		wait.Wait()
		if opened.Load() != 1 {
			t.Errorf("%d connections by one ticket", opened.Load())
		}
	})
	t.Run("a closed connection is gone, and its ticket stays used", func(t *testing.T) {
		s := open(t)
		if used, err := s.Open(t.Context(), connection("c1"), "n1", now); used || err != nil {
			t.Fatal(used, err)
		}
		for range 2 {
			if err := s.Close(t.Context(), "c1"); err != nil {
				t.Error(err)
			}
		}
		if _, found, err := s.Item(t.Context(), "c1"); found || err != nil {
			t.Errorf("%t, %v", found, err)
		}
		if used, err := s.Open(t.Context(), connection("c2"), "n1", now); !used || err != nil {
			t.Errorf("%t, %v", used, err)
		}
	})
}
