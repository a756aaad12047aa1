package notify

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/mails"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/sealed"
)

// Links has the keys of the tokens of links.
type Links struct{ Keys sealed.Keys }

// linkMails has the mail of each kind of link.
var linkMails = map[maillink.Kind]mails.Kind{maillink.Confirm: mails.ConfirmAddress, maillink.Reset: mails.ResetPassword}

// notifyAccount handles NotifyAccount: it sends the mail with a link, unless the link has ended, has been used, or is not the newest
// of its kind.
func (n *Notifier) notifyAccount(ctx context.Context, m message.NotifyAccount) error {
	_, err := n.mail(ctx, sending{
		effect: readmodel.LinkEffect(string(m.Link), m.Nonce, m.UserID), kind: linkMails[m.Link], userID: m.UserID,
		content: func(_ context.Context, user readmodel.User) (mails.Content, error) {
			newest := map[maillink.Kind]string{maillink.Confirm: user.ConfirmNonce, maillink.Reset: user.ResetNonce}[m.Link]
			if newest != m.Nonce || n.now() >= m.LinkEndsAt {
				return mails.Content{}, errSuperseded
			}
			token := maillink.Token(n.Links.Keys, m.Link, m.UserID, m.Nonce, m.LinkEndsAt)
			return mails.Content{Kind: linkMails[m.Link], User: user, Link: maillink.URL(n.Sender.Site, m.Link, token)}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("mail of account %s: %w", m.UserID, err)
	}
	return nil
}
