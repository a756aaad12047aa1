package pay

import (
	"context"
	"errors"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Limits of what one message reads of a list: so many pages, and none is begun with less time left than a slow one takes with
// what is done about it.
const (
	pagesPerMessage = 20
	timePerPage     = 6 * time.Second
)

// pages reads a list of Stripe's as far as one message may. The rest goes on in a message of its own behind the others of its
// group, so that a long list keeps no shorter one waiting.
type pages struct {
	Pay
	// begun is where the message began, at how far the list is done.
	begun, at string
	// deadline is when the list is given up, 0 for never: later messages have begun at its top since.
	deadline contracts.Instant
	ended    bool
}

// each reads pages one after the other. read returns what the next page is behind, "" at the end of the list, and with an
// error how far it got, if it got anywhere.
func (p *pages) each(ctx context.Context, read func(ctx context.Context, after string) (next string, err error)) error {
	for range pagesPerMessage {
		next, err := read(ctx, p.at)
		if next != "" {
			p.at = next
		}
		if err != nil {
			return err
		}
		if p.ended = next == ""; p.ended || !p.hasTime(ctx) {
			return nil
		}
	}
	return nil
}

// hasTime says whether the invocation has time for another page.
func (h Pay) hasTime(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return !limited || end.Sub(h.Now()) >= timePerPage
}

var errListEndsEarly = errors.New("the list is not read to its end: later messages began at its top since")

// end is the outcome of a message that has read so far, and sends on the rest. A failure returns the message only if nothing
// was done: what follows in the group does not wait for a page that is in trouble any longer than for its first try.
func (p *pages) end(ctx context.Context, kind message.Kind, err error, on func(after string) message.Message) error {
	late := p.deadline > 0 && contracts.InstantOf(p.Now()) >= p.deadline
	switch {
	case err == nil && p.ended:
		return nil
	case err != nil && p.at == p.begun && (!late || p.begun == ""):
		return failed(string(kind), err)
	case err != nil:
		p.Log.WarnContext(ctx, "a list goes on after a failure", telemetry.KeyKind, kind, telemetry.KeyError, err.Error())
	}
	if late {
		p.Log.WarnContext(ctx, "a list is given up", telemetry.KeyKind, kind, telemetry.KeyError, errListEndsEarly.Error())
		p.Meter.Put(telemetry.ListsCutShort, 1, telemetry.Dimension{Name: telemetry.KeyKind, Value: string(kind)})
		return nil
	}
	encoded, err := message.Encode(on(p.at), "")
	if err != nil {
		return retry.Poison("encode", err)
	}
	return p.Sender.Send(ctx, encoded)
}
