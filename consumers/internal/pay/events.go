package pay

import (
	"context"
	"fmt"
	"slices"

	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// fetch sends on the events that Stripe could not deliver, as the webhook would have, page by page. It ignores events of other
// environments that share the account, and reads the list to its end, in as many messages as that takes.
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
	return p.finish(ctx, message.KindFetchEvents, err, func(after string) message.Message {
		m.After = after
		return m
	})
}

// forward sends on a page of events, the oldest first. It reports an event that cannot become a message and skips it, since it
// would block the later ones for ever.
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
			h.reportSkipped(ctx, "event passed over", err, telemetry.KeyEvent, e.ID)
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

// reportSkipped reports an object that cannot be handled and is skipped, so that it does not block the later ones.
func (h Pay) reportSkipped(ctx context.Context, what string, err error, about ...any) {
	h.Log.ErrorContext(ctx, what, append(about, telemetry.KeyError, err.Error())...)
	h.Meter.Put(telemetry.RecordsPassedOver, 1)
}
