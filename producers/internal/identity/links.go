package identity

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity/rules"
)

// linkTTL is how long a link in a mail is good for, once.
const linkTTL = time.Hour

// linkToken is the token of a link: the account, the nonce, and the end of the link in seconds since 1970.
func (s *Service) linkToken(kind LinkKind, userID, nonce string, ends time.Time) string {
	return s.LinkKeys.Seal(string(kind), userID, nonce, strconv.FormatInt(ends.Unix(), 10))
}

// openLink returns what a token of this kind names. ok is false if it is none of ours or too old.
func (s *Service) openLink(kind LinkKind, token string) (userID, nonce string, ok bool) {
	fields, ok := s.LinkKeys.Open(string(kind), token, 3)
	if !ok {
		return "", "", false
	}
	ends, err := strconv.ParseInt(fields[2], 10, 64)
	return fields[0], fields[1], err == nil && s.Now().Unix() < ends
}

// deliver sends the letter with a link. The token is behind a #, which no browser sends to a server or to another site. A failure
// is only logged: the person can ask for the letter again.
func (s *Service) deliver(ctx context.Context, u readmodel.User, kind LinkKind, nonce string) {
	link := s.Site + "/" + string(kind) + "#" + s.linkToken(kind, u.UserID, nonce, s.Now().Add(linkTTL))
	if err := s.Outbox.Deliver(ctx, Letter{Kind: kind, To: u.Email, Name: u.Name, Locale: u.Locale, Link: link}); err != nil {
		s.Log.ErrorContext(ctx, "letter not delivered", telemetry.KeyKind, string(kind), telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
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

// send makes a link and delivers it, unless the counter of the subject is full or there is no such account. It makes the same calls
// and gives the same answer for an account that does not exist.
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
	user, found, err := s.Accounts.SetNonce(ctx, userID, kind, nonce)
	if err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "link not made", err)
	}
	if found {
		s.deliver(ctx, user, kind, nonce)
	}
	return asked(), nil
}

// resetTakes is how long every accepted request for a reset takes. Only an address with an account gets a letter, and to hand the
// letter over takes time, which would tell that there is an account. It is longer than the calls take together.
const resetTakes = 500 * time.Millisecond

// sendReset answers POST /api/auth/password-resets: 202 whether there is such an account or not, after the same time.
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
	started := s.Now()
	response, err := s.reset(ctx, *body.Email, s.viewer(r))
	s.Wait(ctx, started.Add(resetTakes).Sub(s.Now()))
	return response, err
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
