// Package identitytest has the stores of identity in memory, and the suite that they and the real ones pass. It is for tests only.
package identitytest

import (
	"context"
	"errors"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/identity"
)

// Memory implements identity.Accounts, Sessions and Limits. It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	users    map[string]readmodel.User
	owners   map[string]readmodel.MailOwner
	sessions map[string]readmodel.Session
	limits   map[string]readmodel.Limit
	// down makes every call fail.
	down error
	// endLost makes the next End fail after its effect.
	endLost error
}

var (
	_ identity.Accounts = (*Memory)(nil)
	_ identity.Sessions = (*Memory)(nil)
	_ identity.Limits   = (*Memory)(nil)
)

// NewMemory makes empty stores.
func NewMemory() *Memory {
	return &Memory{
		users: map[string]readmodel.User{}, owners: map[string]readmodel.MailOwner{},
		sessions: map[string]readmodel.Session{}, limits: map[string]readmodel.Limit{},
	}
}

// Fail makes every later call return err; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// LoseEnd makes the next End return err although it has ended the session, as if the answer of a store were lost.
func (m *Memory) LoseEnd(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endLost = err
}

// Users returns a copy of all accounts.
func (m *Memory) Users() []readmodel.User {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []readmodel.User
	for _, u := range m.users {
		all = append(all, u)
	}
	return all
}

// Sessions returns how many sessions there are.
func (m *Memory) Sessions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// MakeOperator gives an account the scope operator, as an operator's command does.
func (m *Memory) MakeOperator(userID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[userID]
	u.Operator = true
	m.users[userID] = u
}

// Create implements identity.Accounts.
func (m *Memory) Create(_ context.Context, user readmodel.User, passwordHash string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return false, m.down
	}
	if _, found := m.users[user.UserID]; found {
		return false, errors.New("the id is taken")
	}
	if _, found := m.owners[user.MailKey]; found {
		return true, nil
	}
	user.Item = readmodel.UserItem(user.UserID)
	m.users[user.UserID] = user
	m.owners[user.MailKey] = readmodel.MailOwner{Item: readmodel.MailItem(user.MailKey), UserID: user.UserID, PasswordHash: passwordHash}
	return false, nil
}

// MailOwner implements identity.Accounts.
func (m *Memory) MailOwner(_ context.Context, mailKey string) (readmodel.MailOwner, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, found := m.owners[mailKey]
	return o, found, m.down
}

// User implements identity.Accounts.
func (m *Memory) User(_ context.Context, userID string) (readmodel.User, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, found := m.users[userID]
	return u, found, m.down
}

// change changes an account unless the function returns false.
func (m *Memory) change(userID string, change func(*readmodel.User) bool) (readmodel.User, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, found := m.users[userID]
	if m.down != nil || !found || !change(&u) {
		return readmodel.User{}, false, m.down
	}
	m.users[userID] = u
	return u, true, nil
}

// SetProfile implements identity.Accounts.
func (m *Memory) SetProfile(_ context.Context, userID, name, locale string) (readmodel.User, bool, error) {
	return m.change(userID, func(u *readmodel.User) bool {
		if name != "" {
			u.Name = name
		}
		if locale != "" {
			u.Locale = locale
		}
		return true
	})
}

// SetNonce implements identity.Accounts.
func (m *Memory) SetNonce(_ context.Context, userID string, kind identity.LinkKind, nonce string) (readmodel.User, bool, error) {
	return m.change(userID, func(u *readmodel.User) bool {
		if kind == identity.LinkReset {
			u.ResetNonce = nonce
		} else {
			u.ConfirmNonce = nonce
		}
		return true
	})
}

// Confirm implements identity.Accounts.
func (m *Memory) Confirm(_ context.Context, userID, nonce string) (bool, error) {
	_, done, err := m.change(userID, func(u *readmodel.User) bool {
		if u.ConfirmNonce != nonce || nonce == "" {
			return false
		}
		u.EmailConfirmed, u.ConfirmNonce = true, ""
		return true
	})
	return done, err
}

// SetPassword implements identity.Accounts.
func (m *Memory) SetPassword(_ context.Context, user readmodel.User, nonce, passwordHash string) (bool, error) {
	_, done, err := m.change(user.UserID, func(u *readmodel.User) bool {
		owner, found := m.owners[user.MailKey]
		if u.ResetNonce != nonce || nonce == "" || !found || owner.UserID != user.UserID {
			return false
		}
		owner.PasswordHash = passwordHash
		m.owners[user.MailKey] = owner
		u.EmailConfirmed, u.ResetNonce = true, ""
		u.SessionEpoch++
		return true
	})
	return done, err
}

// Start implements identity.Sessions.
func (m *Memory) Start(_ context.Context, s readmodel.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.sessions[s.SessionID] = s
	}
	return m.down
}

// Session implements identity.Sessions.
func (m *Memory) Session(_ context.Context, sessionID string) (readmodel.Session, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, found := m.sessions[sessionID]
	return s, found, m.down
}

// Rotate implements identity.Sessions.
func (m *Memory) Rotate(_ context.Context, sessionID string, from int, at contracts.Instant, expiresAt time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, found := m.sessions[sessionID]
	if m.down != nil || !found || s.Generation != from {
		return false, m.down
	}
	s.Generation, s.RotatedAt, s.ExpiresAt = from+1, at, expiresAt.Unix()
	m.sessions[sessionID] = s
	return true, nil
}

// End implements identity.Sessions.
func (m *Memory) End(_ context.Context, sessionID string) (userID string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return "", m.down
	}
	userID = m.sessions[sessionID].UserID
	delete(m.sessions, sessionID)
	if lost := m.endLost; lost != nil {
		m.endLost = nil
		return "", lost
	}
	return userID, nil
}

// Take implements identity.Limits.
func (m *Memory) Take(_ context.Context, key string, limit int, expiresAt time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, found := m.limits[key]
	if m.down != nil || c.Count >= limit {
		return false, m.down
	}
	if !found {
		c.LimitKey, c.ExpiresAt = key, expiresAt.Unix()
	}
	c.Count++
	m.limits[key] = c
	return true, nil
}

// Remember implements identity.Limits.
func (m *Memory) Remember(_ context.Context, key string, expiresAt time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.limits[key] = readmodel.Limit{LimitKey: key, ExpiresAt: expiresAt.Unix()}
	}
	return m.down
}

// Remembered implements identity.Limits.
func (m *Memory) Remembered(_ context.Context, key string, at time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mark, found := m.limits[key]
	return found && at.Unix() < mark.ExpiresAt, m.down
}
