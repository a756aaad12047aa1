package connectionstest

import (
	"context"
	"sync"
	"time"

	"boxoffice/contracts/readmodel"
)

// Memory is a store in memory. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	items map[string]readmodel.Connection
	down  error
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{items: map[string]readmodel.Connection{}} }

// Fail makes every call fail, until it is called with nil.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// Open implements connections.Store.
func (m *Memory) Open(_ context.Context, c readmodel.Connection, nonce string, markEnds time.Time) (used bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mark := readmodel.UsedTicket(nonce)
	if _, used := m.items[mark]; used || m.down != nil {
		return used && m.down == nil, m.down
	}
	m.items[mark] = readmodel.Connection{ConnectionID: mark, ExpiresAt: markEnds.Unix()}
	m.items[c.ConnectionID] = c
	return false, nil
}

// Close implements connections.Store.
func (m *Memory) Close(_ context.Context, connectionID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		delete(m.items, connectionID)
	}
	return m.down
}

// Item implements Store.
func (m *Memory) Item(_ context.Context, connectionID string) (item readmodel.Connection, found bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	item, found = m.items[connectionID]
	return item, found, m.down
}
