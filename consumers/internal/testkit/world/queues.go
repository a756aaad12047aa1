package world

import (
	"context"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Sender is the port of all queues. Its calls are about the queue and the order of each message.
type Sender struct{ w *World }

// Sender returns the port of all queues.
func (w *World) Sender() Sender { return Sender{w} }

// Send records messages as sent: all of them or, with a fault, none.
func (p Sender) Send(_ context.Context, messages ...message.Encoded) error {
	var about []string
	for _, m := range messages {
		about = append(about, string(m.Queue), string(m.Attributes.OrderID))
	}
	return do(p.w, Send, about, func() error {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.sent = append(p.w.sent, messages...)
		return nil
	})
}

// DeadLetters is the port of the copies of messages that were buried, and of the letters that were drained. Its calls are about
// the message's id or the letter's key.
type DeadLetters struct{ w *World }

// DeadLetters returns the port of buried messages and of drained letters.
func (w *World) DeadLetters() DeadLetters { return DeadLetters{w} }

// Copy records a message as buried.
func (p DeadLetters) Copy(_ context.Context, d message.Delivery, reason string) error {
	return do(p.w, Copy, []string{d.MessageID}, func() error {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.buried = append(p.w.buried, d.MessageID+" "+reason)
		return nil
	})
}

// Keep keeps a letter under its key. The same letter again is the same letter.
func (p DeadLetters) Keep(_ context.Context, letter readmodel.DeadLetter) error {
	return do(p.w, KeepLetter, []string{letter.MessageKey}, func() error {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.letters[letter.MessageKey] = letter
		return nil
	})
}

// Notes is the port of ledger notes and of the ledger's cursor, over Ledger. Its calls are about the note's key.
type Notes struct{ w *World }

// Notes returns the port of ledger notes and of the ledger's cursor.
func (w *World) Notes() Notes { return Notes{w} }

// Known implements pay.Notes.
func (p Notes) Known(ctx context.Context, key string) (bool, error) {
	return Do(p.w, Known, []string{key}, func() (bool, error) { return p.w.Ledger.Known(ctx, key) })
}

// Note implements pay.Notes.
func (p Notes) Note(ctx context.Context, n readmodel.LedgerNote) error {
	return do(p.w, Note, []string{n.MessageKey}, func() error { return p.w.Ledger.Note(ctx, n) })
}

// Cursor implements reconcile.LedgerCursor.
func (p Notes) Cursor(ctx context.Context) (readmodel.LedgerCursor, error) {
	return Do(p.w, Cursor, nil, func() (readmodel.LedgerCursor, error) { return p.w.Ledger.Cursor(ctx) })
}

// MoveCursor implements reconcile.LedgerCursor.
func (p Notes) MoveCursor(ctx context.Context, to readmodel.LedgerCursor) error {
	return do(p.w, MoveCursor, nil, func() error { return p.w.Ledger.MoveCursor(ctx, to) })
}

// Pace is the port of the lag of decisions. It has no errors, so that a fault only loses the lag.
type Pace struct{ w *World }

// Pace returns the port of the lag of decisions.
func (w *World) Pace() Pace { return Pace{w} }

// Leave records sentAt, which Lags returns.
func (p Pace) Leave(_ context.Context, sentAt contracts.Instant) {
	_ = do(p.w, Leave, nil, func() error { // a lost lag is no error
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.lags = append(p.w.lags, sentAt)
		return nil
	})
}
