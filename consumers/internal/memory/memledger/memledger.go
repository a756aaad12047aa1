// Package memledger stores the state of the ledger check in memory, with the promises of dynamoledger; ledgertest checks
// both.
package memledger

import (
	"context"
	"sync"

	"boxoffice/contracts/readmodel"
)

// Store has the cursor and the notes of the ledger check. It is safe for concurrent use. The zero Store is not ready; use
// New.
type Store struct {
	mu     sync.Mutex
	notes  map[string]readmodel.LedgerNote
	cursor readmodel.LedgerCursor
}

// New makes an empty Store.
func New() *Store { return &Store{notes: map[string]readmodel.LedgerNote{}} }

// Known implements pay.Notes.
func (s *Store) Known(_ context.Context, key string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.notes[key]
	return known, nil
}

// Note implements pay.Notes.
func (s *Store) Note(_ context.Context, n readmodel.LedgerNote) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[n.MessageKey] = n
	return nil
}

// Cursor implements reconcile.LedgerCursor.
func (s *Store) Cursor(context.Context) (readmodel.LedgerCursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor, nil
}

// MoveCursor implements reconcile.LedgerCursor.
func (s *Store) MoveCursor(_ context.Context, to readmodel.LedgerCursor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.SlicesTo >= s.cursor.SlicesTo {
		s.cursor = to
	}
	return nil
}
