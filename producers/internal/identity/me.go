package identity

import (
	"context"
	"net/http"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity/rules"
)

type meBody struct {
	ID             string            `json:"id"`
	Email          string            `json:"email"`
	EmailConfirmed bool              `json:"emailConfirmed"`
	Name           string            `json:"name"`
	Locale         string            `json:"locale"`
	CreatedAt      contracts.Instant `json:"createdAt"`
}

func shown(u readmodel.User) httpapi.Response {
	return httpapi.JSON(http.StatusOK, meBody{
		ID: u.UserID, Email: u.Email, EmailConfirmed: u.EmailConfirmed, Name: u.Name, Locale: u.Locale, CreatedAt: u.CreatedAt,
	}, nil)
}

// nobody is the answer to a token whose account does not exist.
func nobody() error {
	return httpapi.NewProblem(httpapi.CodeUnauthorized, "The account of this token does not exist.")
}

// account reads the account of the request's token. The error is a *Problem.
func (s *Service) account(ctx context.Context, r httpapi.Request) (readmodel.User, error) {
	id, err := r.RequireUser()
	if err != nil {
		return readmodel.User{}, err
	}
	user, found, err := s.Accounts.User(ctx, id)
	switch {
	case err != nil:
		return readmodel.User{}, s.unavailable(ctx, "account not read", err)
	case !found:
		return readmodel.User{}, nobody()
	}
	return user, nil
}

// me answers GET /api/me.
func (s *Service) me(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, err := s.account(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	return shown(user), nil
}

// changeMe answers PATCH /api/me. Name and locale are all that an owner can change of an account here.
func (s *Service) changeMe(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	id, err := r.RequireUser()
	if err != nil {
		return httpapi.Response{}, err
	}
	var body struct {
		Name   *string `json:"name"`
		Locale *string `json:"locale"`
	}
	if err := r.Decode(&body); err != nil {
		return httpapi.Response{}, err
	}
	if body.Name == nil && body.Locale == nil {
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeInvalidRequest, "name or locale is missing.").At("")
	}
	var name, locale string
	if body.Name != nil {
		var err error
		if name, err = rules.ParseName(*body.Name); err != nil {
			return httpapi.Response{}, refusal(err, "name")
		}
	}
	if body.Locale != nil {
		var known bool
		if locale, known = rules.ParseLocale(*body.Locale); !known {
			return httpapi.Response{}, invalidLocale()
		}
	}
	user, found, err := s.Accounts.SetProfile(ctx, id, name, locale)
	switch {
	case err != nil:
		return httpapi.Response{}, s.unavailable(ctx, "account not changed", err)
	case !found:
		return httpapi.Response{}, nobody()
	}
	return shown(user), nil
}
