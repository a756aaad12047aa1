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

// Bounds of what one message reads of a list.
const (
	// maxPages bounds the pages.
	maxPages = 20
	// timePerPage is how long a slow page and its handling take. No page begins with less time left.
	timePerPage = 6 * time.Second
)

// pages reads a list of Stripe's as far as one message may. The rest of the list gets a message of its own, which is behind the
// others of its group, so that a long list does not delay a shorter one.
type pages struct {
	Pay
	// begun and at are ids of the list, "" for its beginning: this message began behind begun and has read up to at.
	begun, at string
	// deadline is when the list is given up, 0 for never. By then later messages have begun at its top.
	deadline contracts.Instant
	// ended says that the list is read to its end.
	ended bool
}

// each reads pages one after the other. read returns the id behind which the next page begins, "" at the end of the list. With
// an error it returns how far it got, "" if it did nothing.
func (p *pages) each(ctx context.Context, read func(ctx context.Context, after string) (next string, err error)) error {
	for range maxPages {
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

// finish sends the message for the rest of the list, made by rest, and returns the result of this message. err is the error of
// each. It is returned, so that the message is redelivered, only if this message has done nothing: the later messages of the
// group wait for a failing page only once.
func (p *pages) finish(ctx context.Context, kind message.Kind, err error, rest func(after string) message.Message) error {
	late := p.deadline > 0 && contracts.InstantOf(p.Now()) >= p.deadline
	switch {
	case err == nil && p.ended:
		return nil
	case err != nil && p.at == p.begun && (!late || p.begun == ""):
		return callError(string(kind), err)
	case err != nil:
		p.Log.WarnContext(ctx, "a list goes on after a failure", telemetry.KeyKind, kind, telemetry.KeyError, err.Error())
	}
	if late {
		p.Log.WarnContext(ctx, "a list is given up", telemetry.KeyKind, kind, telemetry.KeyError, errListEndsEarly.Error())
		p.Meter.Put(telemetry.ListsCutShort, 1, telemetry.Dimension{Name: telemetry.KeyKind, Value: string(kind)})
		return nil
	}
	encoded, err := message.Encode(rest(p.at), "")
	if err != nil {
		return retry.Poison("encode", err)
	}
	return p.Sender.Send(ctx, encoded)
}
