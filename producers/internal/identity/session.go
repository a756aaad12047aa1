package identity

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
)

const (
	// refreshIdle is how long a session lives without a refresh, refreshMost how long in all.
	refreshIdle = 30 * 24 * time.Hour
	refreshMost = 180 * 24 * time.Hour
	// refreshGrace is how long the token before the newest one still gives the newest: two tabs that refresh at once send the same
	// token, and an answer may be lost.
	refreshGrace = 30 * time.Second
	// refreshPurpose separates refresh tokens from everything else that is sealed.
	refreshPurpose = "refresh"
	cookiePath     = "/api/auth"
	cookieName     = "boxoffice_refresh"
	// securePrefix makes browsers accept the cookie only over https, and only with the attribute Secure.
	securePrefix = "__Secure-"
)

func (s *Service) secure() bool { return strings.HasPrefix(s.Site, "https://") }

func (s *Service) cookieName() string {
	if s.secure() {
		return securePrefix + cookieName
	}
	return cookieName
}

// cookie returns the value of Set-Cookie with a refresh token; an age below 0 deletes the cookie.
func (s *Service) cookie(token string, age time.Duration) string {
	seconds := int(age.Seconds())
	if age < 0 {
		seconds = -1
	}
	c := http.Cookie{ //nolint:gosec // G124: Secure wherever the site is https
		Name: s.cookieName(), Value: token, Path: cookiePath, MaxAge: seconds,
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
	return c.String()
}

// presented returns the session and the generation that the request's cookie names. ok is false without a cookie of ours.
func (s *Service) presented(r httpapi.Request) (sessionID string, generation int, ok bool) {
	for _, text := range r.Cookies {
		name, value, _ := strings.Cut(text, "=")
		if name != s.cookieName() {
			continue
		}
		fields, opened := s.RefreshKeys.Open(refreshPurpose, value, 2)
		if !opened {
			continue
		}
		if generation, err := strconv.Atoi(fields[1]); err == nil {
			return fields[0], generation, true
		}
	}
	return "", 0, false
}

// refreshToken is made of the session and its generation alone, so that it can be made again within the grace.
func (s *Service) refreshToken(sessionID string, generation int) string {
	return s.RefreshKeys.Seal(refreshPurpose, sessionID, strconv.Itoa(generation))
}

// signIn starts a session and returns the body and the cookie. It always makes a new session: one that the browser had before may
// have been put there by somebody else.
func (s *Service) signIn(ctx context.Context, r httpapi.Request, u readmodel.User, status int) (httpapi.Response, error) {
	id, err := s.newID("s")
	if err != nil {
		return httpapi.Response{}, err
	}
	now := s.Now()
	session := readmodel.Session{
		SessionID: id, UserID: u.UserID, Epoch: u.SessionEpoch, Generation: 1,
		StartedAt: contracts.InstantOf(now), RotatedAt: contracts.InstantOf(now), ExpiresAt: now.Add(refreshIdle).Unix(),
	}
	if err := s.Sessions.Start(ctx, session); err != nil {
		return httpapi.Response{}, s.unavailable(ctx, "session not started", err)
	}
	if before, _, ok := s.presented(r); ok {
		owner, err := s.end(ctx, before)
		if err != nil {
			s.Log.WarnContext(ctx, "earlier session not ended", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
		}
		if owner != u.UserID {
			s.closeConnections(ctx, owner)
		}
	}
	body, err := s.accessOf(u)
	if err != nil {
		return httpapi.Response{}, err
	}
	body.User = &shownUser{ID: u.UserID, Email: u.Email, Name: u.Name}
	response := httpapi.JSON(status, body, nil)
	response.Cookies = []string{s.cookie(s.refreshToken(id, 1), refreshIdle)}
	return response, nil
}

// sessionEnded is the answer to a cookie that is good for nothing. It deletes the cookie.
func (s *Service) sessionEnded() error {
	return httpapi.NewProblem(httpapi.CodeSessionEnded, "The session has ended. Sign in again.").WithCookie(s.cookie("", -1))
}

// refresh answers POST /api/auth/refresh.
func (s *Service) refresh(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if err := s.sameSite(r); err != nil {
		return httpapi.Response{}, err
	}
	id, generation, ok := s.presented(r)
	if !ok {
		return httpapi.Response{}, s.sessionEnded()
	}
	session, user, err := s.open(ctx, id)
	if err != nil {
		return httpapi.Response{}, err
	}
	now := s.Now()
	expires := now.Add(refreshIdle)
	if last := session.StartedAt.Time().Add(refreshMost); last.Before(expires) {
		expires = last
	}
	if generation == session.Generation {
		done, err := s.Sessions.Rotate(ctx, id, generation, contracts.InstantOf(now), expires)
		if err != nil {
			return httpapi.Response{}, s.unavailable(ctx, "session not rotated", err)
		}
		if done {
			session.Generation++
			session.RotatedAt, session.ExpiresAt = contracts.InstantOf(now), expires.Unix()
		} else if session, user, err = s.open(ctx, id); err != nil { // another request rotated it
			return httpapi.Response{}, err
		}
	}
	// From here on generation is the one before the session's, or the token was used before.
	if generation != session.Generation-1 || now.Sub(session.RotatedAt.Time()) > refreshGrace {
		// Either the token was stolen, or its owner's newer one was: nobody can tell, so both lose the session.
		s.Log.WarnContext(ctx, "a refresh token was used again and its session ended", telemetry.KeyTrace, telemetry.Trace(ctx))
		_, err := s.Sessions.End(ctx, id)
		s.closeConnections(ctx, session.UserID) // also after an error: the answer alone may be lost
		if err != nil {
			return httpapi.Response{}, s.unavailable(ctx, "session not ended", err)
		}
		return httpapi.Response{}, s.sessionEnded()
	}
	body, err := s.accessOf(user)
	if err != nil {
		return httpapi.Response{}, err
	}
	response := httpapi.JSON(http.StatusOK, body, nil)
	response.Cookies = []string{s.cookie(s.refreshToken(id, session.Generation), time.Unix(session.ExpiresAt, 0).Sub(now))}
	return response, nil
}

// open reads a session that has not ended, and its account. The error is a *Problem.
func (s *Service) open(ctx context.Context, id string) (readmodel.Session, readmodel.User, error) {
	session, found, err := s.Sessions.Session(ctx, id)
	if err != nil {
		return session, readmodel.User{}, s.unavailable(ctx, "session not read", err)
	}
	if !found || s.Now().Unix() >= session.ExpiresAt {
		return session, readmodel.User{}, s.sessionEnded()
	}
	user, found, err := s.Accounts.User(ctx, session.UserID)
	if err != nil {
		return session, user, s.unavailable(ctx, "account not read", err)
	}
	if !found || user.SessionEpoch != session.Epoch {
		return session, user, s.sessionEnded()
	}
	return session, user, nil
}

// end ends a session, if there is one, and returns its account. It reads the session first, and returns the account also with an error
// of End: if only the answer was lost, the session has ended, and no later request would find whose it was.
func (s *Service) end(ctx context.Context, id string) (owner string, err error) {
	session, found, err := s.Sessions.Session(ctx, id)
	if err != nil || !found {
		return "", err
	}
	_, err = s.Sessions.End(ctx, id)
	return session.UserID, err
}

// logout answers POST /api/auth/logout, also without a session.
func (s *Service) logout(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if err := s.sameSite(r); err != nil {
		return httpapi.Response{}, err
	}
	if id, _, ok := s.presented(r); ok {
		owner, err := s.end(ctx, id)
		s.closeConnections(ctx, owner)
		if err != nil {
			return httpapi.Response{}, s.unavailable(ctx, "session not ended", err)
		}
	}
	response := httpapi.NoContent()
	response.Cookies = []string{s.cookie("", -1)}
	return response, nil
}
