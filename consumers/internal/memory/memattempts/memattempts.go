// Package memattempts keeps the notes of sqsbatch's attempts in memory under the same promises as dynamoattempts, whose
// tests hold both to them.
package memattempts

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Notes is safe for concurrent use. The zero Notes is ready.
type Notes struct {
	mu    sync.Mutex
	begun map[string][]time.Time
}

// Begin adds one to the attempts of a message and answers how many there were.
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

// Open answers the attempts that were begun and not ended, by message.
func (n *Notes) Open() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	open := make(map[string]int, len(n.begun))
	for id, attempts := range n.begun {
		open[id] = len(attempts)
	}
	return open
}
