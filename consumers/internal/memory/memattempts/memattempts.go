// Package memattempts implements sqsbatch.Attempts in memory, with the promises of dynamoattempts, whose tests check both.
package memattempts

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Notes has the attempts at messages. It is safe for concurrent use. The zero Notes is ready.
type Notes struct {
	mu    sync.Mutex
	begun map[string][]time.Time
}

// Begin counts an attempt at a message and returns when the earlier ones began.
func (n *Notes) Begin(ctx context.Context, messageID string, at time.Time) (before []time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("begin attempt at %s: %w", messageID, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.begun == nil {
		n.begun = map[string][]time.Time{}
	}
	before = n.begun[messageID]
	n.begun[messageID] = append(slices.Clip(before), at)
	return before, nil
}

// End deletes the note of a message, if there is one.
func (n *Notes) End(ctx context.Context, messageID string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("end attempt at %s: %w", messageID, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.begun, messageID)
	return nil
}

// Open returns the number of attempts that began and did not end, by message.
func (n *Notes) Open() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	open := make(map[string]int, len(n.begun))
	for id, attempts := range n.begun {
		open[id] = len(attempts)
	}
	return open
}
