package identity

import (
	"context"
	"errors"
	"net/http"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity/rules"
)

type signupBody struct {
	Email    *string `json:"email"`
	Password *string `json:"password"`
	Name     *string `json:"name"`
	Locale   *string `json:"locale"`
}

// refusal makes a problem of a refused value.
func refusal(err error, member string) error {
	var r *rules.Refusal
	if errors.As(err, &r) {
		return httpapi.NewProblem(r.Code, r.Detail).At("/" + member)
	}
	return err
}

// parse checks the body and returns the account without its ids, and the password.
func (b signupBody) parse(acceptLanguage string) (u readmodel.User, password string, err error) {
	for _, member := range []struct {
		name  string
		value *string
	}{{"email", b.Email}, {"password", b.Password}, {"name", b.Name}} {
		if member.value == nil {
			return u, "", missing(member.name)
		}
	}
	mail, err := rules.ParseMail(*b.Email)
	if err != nil {
		return u, "", refusal(err, "email")
	}
	name, err := rules.ParseName(*b.Name)
	if err != nil {
		return u, "", refusal(err, "name")
	}
	if password, err = rules.ParsePassword(*b.Password, mail.Shown, mail.Key, name); err != nil {
		return u, "", refusal(err, "password")
	}
	locale := rules.LocaleOf(acceptLanguage)
	if b.Locale != nil {
		var known bool
		if locale, known = rules.ParseLocale(*b.Locale); !known {
			return u, "", invalidLocale()
		}
	}
	return readmodel.User{Email: mail.Shown, MailKey: mail.Key, Name: name, Locale: locale}, password, nil
}

func invalidLocale() error {
	return httpapi.NewProblem(httpapi.CodeInvalidRequest, "The locale is en or de.").At("/locale")
}

// signup answers POST /api/auth/signup.
func (s *Service) signup(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if err := s.sameSite(r); err != nil {
		return httpapi.Response{}, err
	}
	var body signupBody
	if err := r.Decode(&body); err != nil {
		return httpapi.Response{}, err
	}
	user, password, err := body.parse(r.Header("Accept-Language"))
	if err != nil {
		return httpapi.Response{}, err
	}
	// A request that is refused for its form has told nothing of other accounts, so it is not counted.
	if err := s.within(ctx, "signup", s.viewer(r), s.Rates.SignupByAddress); err != nil {
		return httpapi.Response{}, err
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "password not hashed", err)
	}
	if user.UserID, err = s.newID("u"); err != nil {
		return httpapi.Response{}, err
	}
	if user.ConfirmNonce, err = s.newID("n"); err != nil {
		return httpapi.Response{}, err
	}
	user.CreatedAt = contracts.InstantOf(s.Now())
	taken, err := s.Accounts.Create(ctx, user, hash)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "account not created", err)
	case taken:
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeEmailTaken, "There is an account with this address. Sign in, or set a new password.").At("/email")
	}
	s.sendLink(ctx, user.UserID, LinkConfirm, user.ConfirmNonce)
	if err := s.remember(ctx, user.MailKey, s.viewer(r)); err != nil {
		s.notRemembered(ctx, err)
	}
	return s.signIn(ctx, r, user, http.StatusCreated)
}

func (s *Service) notRemembered(ctx context.Context, err error) {
	s.Log.WarnContext(ctx, "address not remembered", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

type loginBody struct {
	Email    *string `json:"email"`
	Password *string `json:"password"`
}

// login answers POST /api/auth/login. Up to its answer it does the same for an address without an account as for a wrong password:
// the same counts, one read, one hash.
func (s *Service) login(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if err := s.sameSite(r); err != nil {
		return httpapi.Response{}, err
	}
	var body loginBody
	if err := r.Decode(&body); err != nil {
		return httpapi.Response{}, err
	}
	switch {
	case body.Email == nil:
		return httpapi.Response{}, missing("email")
	case body.Password == nil:
		return httpapi.Response{}, missing("password")
	}
	viewer := s.viewer(r)
	if err := s.within(ctx, "login", viewer, s.Rates.LoginByAddress); err != nil {
		return httpapi.Response{}, err
	}
	refused := httpapi.NewProblem(httpapi.CodeInvalidCredentials, "The address or the password is wrong.")
	mail, err := rules.ParseMail(*body.Email)
	if err != nil {
		return httpapi.Response{}, refused // no account has an address like this, which everybody can see
	}
	if err := s.withinAccount(ctx, mail.Key, viewer); err != nil {
		return httpapi.Response{}, err
	}
	owner, _, err := s.Accounts.MailOwner(ctx, mail.Key)
	if err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "account not read", err)
	}
	same, err := s.Passwords.Matches(ctx, rules.ComposePassword(*body.Password), owner.PasswordHash)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "password not verified", err)
	case !same:
		return httpapi.Response{}, refused
	}
	user, found, err := s.Accounts.User(ctx, owner.UserID)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "account not read", err)
	case !found:
		return httpapi.Response{}, refused
	}
	// A new password ends every session by raising the account's epoch. If one was set after the hash was read, this login is by the
	// old password, and user may have the new epoch. With the hash unchanged after user was read, user has the epoch of that hash.
	latest, _, err := s.Accounts.MailOwner(ctx, mail.Key)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "account not read", err)
	case latest != owner:
		return httpapi.Response{}, refused
	}
	if err := s.remember(ctx, mail.Key, viewer); err != nil {
		s.notRemembered(ctx, err)
	}
	return s.signIn(ctx, r, user, http.StatusOK)
}
