package identity

import (
	"context"
	"net/http"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity/rules"
)

// linkTTL is how long a link in a mail is good for, once.
const linkTTL = time.Hour

// openLink returns what a token of this kind names. ok is false if it is none of ours or too old.
func (s *Service) openLink(kind LinkKind, token string) (userID, nonce string, ok bool) {
	return maillink.Open(s.LinkKeys, kind, token, contracts.InstantOf(s.Now()))
}

// sendLink asks notify for the mail with a link. The message has no address: notify reads the account, and sends nothing if there is
// none. A failure is only logged: the person can ask for the mail again.
func (s *Service) sendLink(ctx context.Context, userID string, kind LinkKind, nonce string) {
	encoded, err := message.Encode(message.NotifyAccount{
		UserID: userID, Link: kind, Nonce: nonce, LinkEndsAt: contracts.InstantOf(s.Now().Add(linkTTL)),
	}, telemetry.Trace(ctx))
	if err == nil {
		err = s.Messages.Send(ctx, encoded)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "mail not asked for", telemetry.KeyKind, string(kind), telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
}

func linkExpired() error {
	return httpapi.NewProblem(httpapi.CodeLinkExpired, "This link has been used, or is older than an hour. Ask for a new one.").At("/token")
}

// askAgainMs is the wait of an answer that says nothing of what became of the request.
const askAgainMs = 60_000

// asked is the answer to every request for a letter.
func asked() httpapi.Response {
	return httpapi.JSON(http.StatusAccepted, map[string]int{"pollAfterMs": askAgainMs}, httpapi.Headers{"Retry-After": httpapi.RetryAfter(askAgainMs)})
}

// sendConfirmation answers POST /api/auth/confirmations: it sends the confirmation link again, unless the address is confirmed or
// there were too many letters.
func (s *Service) sendConfirmation(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, err := s.account(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	if user.EmailConfirmed || user.MailKey == "" {
		return asked(), nil
	}
	return s.send(ctx, LinkConfirm, "confirm-account", user.UserID, user.UserID, s.Rates.ConfirmByAccount)
}

// send makes a link and asks for its mail, unless the counter of the subject is full. It makes the same calls, also that to the
// queue, and gives the same answer for an account that does not exist.
func (s *Service) send(ctx context.Context, kind LinkKind, counter, subject, userID string, rate Rate) (httpapi.Response, error) {
	ok, _, err := s.take(ctx, counter, subject, rate)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "letter not counted", err)
	case !ok:
		return asked(), nil
	}
	nonce, err := s.newID("n")
	if err != nil {
		return httpapi.Response{}, err
	}
	if _, _, err := s.Accounts.SetNonce(ctx, userID, kind, nonce); err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "link not made", err)
	}
	s.sendLink(ctx, userID, kind, nonce)
	return asked(), nil
}

// sendReset answers POST /api/auth/password-resets: 202 whether there is such an account or not, after
// the same calls, so that neither answer nor time tells.
func (s *Service) sendReset(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	var body struct {
		Email *string `json:"email"`
	}
	if err := r.Decode(&body); err != nil {
		return httpapi.Response{}, err
	}
	if body.Email == nil {
		return httpapi.Response{}, missing("email")
	}
	if err := s.within(ctx, "reset", s.viewer(r), s.Rates.ResetByAddress); err != nil {
		return httpapi.Response{}, err
	}
	return s.reset(ctx, *body.Email, s.viewer(r))
}

// reset sends a reset link to an address, if it is that of an account.
func (s *Service) reset(ctx context.Context, address, viewer string) (httpapi.Response, error) {
	mail, err := rules.ParseMail(address)
	if err != nil {
		return asked(), nil // no account has an address like this, which everybody can see
	}
	known, err := s.known(ctx, mail.Key, viewer)
	if err != nil {
		return httpapi.Response{}, err
	}
	// Requests from elsewhere do not use up the letters of the owner, who asks from an address that the account knows.
	counted := mail.Key
	if known {
		counted += " from " + viewer
	}
	owner, found, err := s.Accounts.MailOwner(ctx, mail.Key)
	if err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "account not read", err)
	}
	if !found {
		if owner.UserID, err = s.newID("x"); err != nil {
			return httpapi.Response{}, err
		}
	}
	return s.send(ctx, LinkReset, "reset-account", counted, owner.UserID, s.Rates.ResetByAccount)
}

// confirm answers POST /api/auth/confirm.
func (s *Service) confirm(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	var body struct {
		Token *string `json:"token"`
	}
	if err := r.Decode(&body); err != nil {
		return httpapi.Response{}, err
	}
	if body.Token == nil {
		return httpapi.Response{}, missing("token")
	}
	if err := s.within(ctx, "links", s.viewer(r), s.Rates.LinksByAddress); err != nil {
		return httpapi.Response{}, err
	}
	userID, nonce, ok := s.openLink(LinkConfirm, *body.Token)
	if !ok {
		return httpapi.Response{}, linkExpired()
	}
	done, err := s.Accounts.Confirm(ctx, userID, nonce)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "address not confirmed", err)
	case !done:
		return httpapi.Response{}, linkExpired()
	}
	return httpapi.NoContent(), nil
}

// setPassword answers POST /api/auth/password: it sets the password by a reset link and ends every session.
func (s *Service) setPassword(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	var body struct {
		Token    *string `json:"token"`
		Password *string `json:"password"`
	}
	if err := r.Decode(&body); err != nil {
		return httpapi.Response{}, err
	}
	switch {
	case body.Token == nil:
		return httpapi.Response{}, missing("token")
	case body.Password == nil:
		return httpapi.Response{}, missing("password")
	}
	if err := s.within(ctx, "links", s.viewer(r), s.Rates.LinksByAddress); err != nil {
		return httpapi.Response{}, err
	}
	userID, nonce, ok := s.openLink(LinkReset, *body.Token)
	if !ok {
		return httpapi.Response{}, linkExpired()
	}
	user, found, err := s.Accounts.User(ctx, userID)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "account not read", err)
	case !found || user.ResetNonce != nonce:
		return httpapi.Response{}, linkExpired()
	}
	// A password that is refused leaves the link as it is.
	password, err := rules.ParsePassword(*body.Password, user.Email, user.MailKey, user.Name)
	if err != nil {
		return httpapi.Response{}, refusal(err, "password")
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "password not hashed", err)
	}
	done, err := s.Accounts.SetPassword(ctx, user, nonce, hash)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "password not set", err)
	case !done:
		return httpapi.Response{}, linkExpired()
	}
	s.closeConnections(ctx, user.UserID)
	return httpapi.NoContent(), nil
}
