package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

const (
	// markTime is the time that a send leaves to what follows it. SES may answer, or take the mail without an answer, at the last
	// moment; a mail that is sent and not marked would be sent again.
	markTime = 500 * time.Millisecond
	// leaseSlack is how much longer than the invocation a claim lasts: clocks of two functions differ.
	leaseSlack = 2 * time.Second
	// leaseUnlimited is the length of a claim in an invocation whose time is not limited.
	leaseUnlimited = 20 * time.Second
)

// Reasons for which a mail is not sent, as the dimension of MailsNotSent.
const (
	notSentNoAccount  = "no_account"
	notSentNoAddress  = "no_address"
	notSentSuperseded = "superseded"
	notSentStopped    = "stopped_after_"
)

// sending is a mail that is due.
type sending struct {
	effect string
	kind   mails.Kind
	userID string
	// content returns what the mail says. errSuperseded means that the mail is not wanted any more.
	content func(ctx context.Context, user readmodel.User) (mails.Content, error)
}

var errSuperseded = errors.New("the mail is not wanted any more")

// mail sends a mail at least once. sent is true if this call sent it.
//
// The mail is claimed before it is sent and marked as sent after that. A function that is killed in between leaves its claim, which
// ends after the invocation's time; then the redelivered message sends the mail. So a mail is never lost, and a second copy is sent
// only if the function was killed, or its response of SES was lost, between the send and the mark.
func (n *Notifier) mail(ctx context.Context, s sending) (sent bool, err error) {
	user, found, err := n.Users.User(ctx, s.userID)
	switch {
	case err != nil:
		return false, err
	case !found:
		n.notSent(s, notSentNoAccount)
		return false, nil
	}
	stopped, err := n.Sent.Stopped(ctx, s.userID)
	switch {
	case err != nil:
		return false, err
	case stopped != "":
		n.notSent(s, notSentStopped+string(stopped))
		return false, nil
	}
	m, err := n.make(ctx, s, user)
	switch {
	case errors.Is(err, errSuperseded):
		n.notSent(s, notSentSuperseded)
		return false, nil
	case errors.Is(err, mails.ErrNoAddress):
		n.notSent(s, notSentNoAddress)
		return false, nil
	case err != nil:
		return false, err
	}
	return n.once(ctx, m)
}

// make makes a mail.
func (n *Notifier) make(ctx context.Context, s sending, user readmodel.User) (mails.Mail, error) {
	content, err := s.content(ctx, user)
	if err != nil {
		return mails.Mail{}, err
	}
	return n.Sender.Make(s.effect, content, n.Now())
}

// once claims a mail, sends it and marks it as sent.
func (n *Notifier) once(ctx context.Context, m mails.Mail) (sent bool, err error) {
	now, expires := n.now(), n.Now().Add(sentFor)
	claim, err := n.Sent.Claim(ctx, m.Effect, now, n.leaseEnd(ctx, now), expires)
	switch {
	case err != nil:
		return false, fmt.Errorf("claim mail %s: %w", m.Hash(), err)
	case claim.State == ClaimDone:
		return false, nil
	case claim.State == ClaimTaken:
		return false, retry.WithDelay(max(claim.Until.Sub(now), time.Second), fmt.Errorf("mail %s is claimed until %s", m.Hash(), claim.Until))
	}
	if err := n.send(ctx, m); err != nil {
		if releasing := n.Sent.Release(ctx, m.Effect); releasing != nil {
			// The claim ends by itself.
			n.Log.WarnContext(ctx, "claim of a mail not released", telemetry.KeyKind, string(m.Kind), telemetry.KeyError, releasing.Error())
		}
		return false, fmt.Errorf("send mail %s: %w", m.Hash(), err)
	}
	n.Meter.Put(telemetry.MailsSent, 1, telemetry.Dimension{Name: telemetry.KeyKind, Value: string(m.Kind)})
	if err := n.Sent.Done(ctx, m.Effect, expires); err != nil {
		// The message is redelivered after the claim, and sends the mail again.
		return true, retry.WithDelay(n.leaseEnd(ctx, now).Sub(now), fmt.Errorf("mark mail %s: %w", m.Hash(), err))
	}
	return true, nil
}

// send sends a mail, and leaves the time for its mark.
func (n *Notifier) send(ctx context.Context, m mails.Mail) error {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-markTime))
		defer cancel()
	}
	return n.Mailer.Send(ctx, m)
}

// leaseEnd returns when a claim ends: the function cannot work past its invocation's time.
func (n *Notifier) leaseEnd(ctx context.Context, now contracts.Instant) contracts.Instant {
	if end, limited := ctx.Deadline(); limited {
		return contracts.InstantOf(end.Add(leaseSlack))
	}
	return now.Add(leaseUnlimited)
}

// notSent counts a mail that is not sent.
func (n *Notifier) notSent(s sending, reason string) {
	n.Meter.Put(telemetry.MailsNotSent, 1, telemetry.Dimension{Name: telemetry.KeyKind, Value: string(s.kind)}, telemetry.Dimension{Name: telemetry.KeyReason, Value: reason})
	n.Log.Info("mail not sent", telemetry.KeyKind, string(s.kind), telemetry.KeyReason, reason)
}
