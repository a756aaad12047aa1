package pay

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// fetch sends on what Stripe could not deliver, as the webhook would have. An event that nobody could act on is told and
// passed over: it would stop those behind it for good.
func (h Pay) fetch(ctx context.Context, m message.FetchEvents) retry.Outcome {
	var fetched []message.Encoded
	err := h.Provider.Undelivered(ctx, m.Since, func(e stripeevent.Event) error {
		what, ours, err := e.Message(h.Environment)
		if err != nil {
			h.Log.ErrorContext(ctx, "event passed over", telemetry.KeyEvent, e.ID, telemetry.KeyError, err.Error())
			h.Meter.Put(telemetry.RecordsPassedOver, 1)
			return nil
		}
		if !ours {
			return nil
		}
		encoded, err := message.Encode(what, "")
		if err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
		fetched = append(fetched, encoded)
		return nil
	})
	if err != nil {
		return failed("fetch events", err)
	}
	if len(fetched) == 0 {
		return retry.Done()
	}
	if err := h.Sender.Send(ctx, fetched...); err != nil {
		return retry.Classify(fmt.Errorf("send fetched events: %w", err))
	}
	h.Meter.Put(telemetry.EventsFetched, float64(len(fetched)))
	return retry.Done()
}
