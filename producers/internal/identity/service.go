package identity

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"boxoffice/contracts/origin"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/sealed"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/tokenkeys"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity/accesstoken"
)

// Passwords hashes passwords and verifies hashes. Both wait for a turn until ctx ends.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	// Matches does the same work with an empty hash, which matches nothing.
	Matches(ctx context.Context, password, hash string) (bool, error)
}

// Tokens signs access tokens. It does no I/O.
type Tokens interface {
	Sign(a accesstoken.Account, id string, now time.Time) (string, error)
}

// Service answers the routes of accounts. It is immutable and safe for concurrent use.
type Service struct {
	Accounts  Accounts
	Sessions  Sessions
	Limits    Limits
	Passwords Passwords
	Tokens    Tokens
	Messages  Messages
	// RefreshKeys seal refresh tokens. LinkKeys open the tokens of links, which notify makes.
	RefreshKeys, LinkKeys sealed.Keys
	// Site is the origin of the site: scheme, host and port. AllowedOrigins are the other origins whose pages may use the API with
	// the refresh cookie.
	Site           string
	AllowedOrigins []string
	// Edge tells which requests came through the edge.
	Edge  origin.Secrets
	Rates Rates
	// Random is the source of ids; it must be one that nobody can guess.
	Random io.Reader
	Log    *slog.Logger
	Now    func() time.Time
}

// Routes returns the handlers by route.
func (s *Service) Routes() map[string]httpapi.Handler {
	return map[string]httpapi.Handler{
		"POST /api/auth/signup":          s.signup,
		"POST /api/auth/login":           s.login,
		"POST /api/auth/refresh":         s.refresh,
		"POST /api/auth/logout":          s.logout,
		"POST /api/auth/confirm":         s.confirm,
		"POST /api/auth/confirmations":   s.sendConfirmation,
		"POST /api/auth/password-resets": s.sendReset,
		"POST /api/auth/password":        s.setPassword,
		"GET /api/me":                    s.me,
		"PATCH /api/me":                  s.changeMe,
	}
}

// ids are lower case letters and digits, so that they can stand anywhere.
var ids = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// idBytes make an id that cannot be guessed.
const idBytes = 16

// newID returns an id that begins with a letter for its kind.
func (s *Service) newID(kind string) (string, error) {
	var b [idBytes]byte
	if _, err := io.ReadFull(s.Random, b[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return kind + ids.EncodeToString(b[:]), nil
}

// unavailable logs why a request cannot be answered and returns a 503.
func (s *Service) unavailable(ctx context.Context, what string, err error) error {
	s.Log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return httpapi.NewProblem(httpapi.CodeUnavailable, "Accounts cannot be reached right now. Send the request again.")
}

// missing is the problem of a body without a member.
func missing(member string) error {
	return httpapi.NewProblem(httpapi.CodeInvalidRequest, member+" is missing.").At("/" + member)
}

// accountOf returns what a token says of an account.
func accountOf(u readmodel.User) accesstoken.Account {
	scopes := []string{tokenkeys.ScopeBuyer}
	if u.Operator {
		scopes = append(scopes, tokenkeys.ScopeOperator)
	}
	return accesstoken.Account{UserID: u.UserID, Scope: strings.Join(scopes, " "), CreatedAt: u.CreatedAt}
}

// access is the body with an access token. ExpiresIn is in seconds.
type access struct {
	AccessToken string     `json:"accessToken"`
	ExpiresIn   int        `json:"expiresIn"`
	User        *shownUser `json:"user,omitempty"`
}

type shownUser struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

func (s *Service) accessOf(u readmodel.User) (access, error) {
	id, err := s.newID("t")
	if err != nil {
		return access{}, err
	}
	token, err := s.Tokens.Sign(accountOf(u), id, s.Now())
	return access{AccessToken: token, ExpiresIn: int(tokenkeys.TTL.Seconds())}, err
}
