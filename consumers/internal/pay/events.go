package pay

import (
	"context"
	"fmt"
	"slices"

	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// fetch sends on what Stripe could not deliver, as the webhook would have, page by page. Events of another environment that
// shares the account count for nothing: the list is read to its end, in as many messages as it takes.
func (h Pay) fetch(ctx context.Context, m message.FetchEvents) error {
	p := pages{Pay: h, begun: m.After, at: m.After, deadline: m.Deadline}
	fetched := 0
	err := p.each(ctx, func(ctx context.Context, after string) (next string, err error) {
		page, err := h.Provider.Undelivered(ctx, m.Since, after)
		if err != nil {
			return "", err
		}
		sent, err := h.forward(ctx, page.Events)
		if err != nil {
			return "", err
		}
		fetched += sent
		return page.Next, nil
	})
	if fetched > 0 {
		h.Meter.Put(telemetry.EventsFetched, float64(fetched))
	}
	return p.end(ctx, message.KindFetchEvents, err, func(after string) message.Message {
		m.After = after
		return m
	})
}

// forward sends on a page of events, the oldest first. One that nobody could act on is reported and passed over: it would
// stop those behind it for good.
func (h Pay) forward(ctx context.Context, events []stripeevent.Event) (sent int, err error) {
	var messages []message.Encoded
	for _, e := range slices.Backward(events) {
		what, ours, err := e.Message(h.Environment)
		if err == nil && !ours {
			continue
		}
		var encoded message.Encoded
		if err == nil {
			encoded, err = message.Encode(what, "")
		}
		if err != nil {
			h.passOver(ctx, "event passed over", err, telemetry.KeyEvent, e.ID)
			continue
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return 0, nil
	}
	if err := h.Sender.Send(ctx, messages...); err != nil {
		return 0, fmt.Errorf("send fetched events: %w", err)
	}
	return len(messages), nil
}

// passOver reports something that cannot be handled, and that must not stop what is behind it.
func (h Pay) passOver(ctx context.Context, what string, err error, about ...any) {
	h.Log.ErrorContext(ctx, what, append(about, telemetry.KeyError, err.Error())...)
	h.Meter.Put(telemetry.RecordsPassedOver, 1)
}
