package tokenkeys

import (
	"crypto/rsa"
	"fmt"
	"slices"
	"time"
)

// State is what a published key is good for at an instant.
type State string

// States, in the order in which a key has them.
const (
	// Waiting keys are published and do not sign yet.
	Waiting State = "waiting"
	// Signing is the one key that signs.
	Signing State = "signing"
	// Replaced keys stay published, since tokens of them may be valid.
	Replaced State = "replaced"
	// Expired keys are published until the next Rotate: no token of them is valid.
	Expired State = "expired"
)

// Status says what a key of a set is good for, and until when.
type Status struct {
	ID        string
	State     State
	SignsFrom time.Time
	// LeavesAt is when the key may leave the set; zero as long as it has no successor.
	LeavesAt time.Time
}

// Statuses returns the status of each key at an instant, in the order of the set.
func (s Set) Statuses(now time.Time) []Status {
	signing, _ := s.Signing(now)
	var all []Status
	for i, k := range s {
		status := Status{ID: k.ID, SignsFrom: k.SignsFrom, State: Waiting}
		if i+1 < len(s) {
			status.LeavesAt = s[i+1].SignsFrom.Add(KeptAfter)
		}
		switch {
		case k.SignsFrom.After(now):
		case k.ID == signing.ID:
			status.State = Signing
		case status.LeavesAt.After(now):
			status.State = Replaced
		default:
			status.State = Expired
		}
		all = append(all, status)
	}
	return all
}

// WaitingError says that a set has a key already that is published and does not sign yet. Another one would change nothing.
type WaitingError struct {
	ID        string
	SignsFrom time.Time
}

// Error implements error.
func (e *WaitingError) Error() string {
	return fmt.Sprintf("token keys: %s waits already, and signs from %s", e.ID, e.SignsFrom.UTC().Format(time.RFC3339))
}

// Rotate is Add for an operator's command, which may be given twice: as long as a key waits it returns a *WaitingError and adds none.
// So a set has few keys, however often it is rotated.
func (s Set) Rotate(id string, private *rsa.PrivateKey, now time.Time) (Set, error) {
	if err := s.Rotatable(now); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s, func(k Key) bool { return k.ID == id }) {
		return nil, fmt.Errorf("token keys: %s is there already", id)
	}
	return s.Add(id, private, now), nil
}

// Rotatable returns the *WaitingError that Rotate would return, or nil.
func (s Set) Rotatable(now time.Time) error {
	for _, k := range s {
		if k.SignsFrom.After(now) {
			return &WaitingError{ID: k.ID, SignsFrom: k.SignsFrom}
		}
	}
	return nil
}
