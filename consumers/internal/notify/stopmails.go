package notify

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// stopMails handles StopMails: the accounts get no more mails. An account has one address for good.
func (n *Notifier) stopMails(ctx context.Context, m message.StopMails) error {
	var problems []error
	for _, userID := range m.UserIDs {
		if err := n.Sent.Stop(ctx, userID, m.Reason, n.now()); err != nil {
			problems = append(problems, fmt.Errorf("stop mails to account %s: %w", userID, err))
			continue
		}
		n.Meter.Put(telemetry.MailsStopped, 1, telemetry.Dimension{Name: telemetry.KeyReason, Value: string(m.Reason)})
	}
	return errors.Join(problems...)
}
