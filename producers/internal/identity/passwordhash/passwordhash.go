// Package passwordhash makes and verifies hashes of passwords with argon2id. A hash has the PHC string format, with its salt and
// parameters.
package passwordhash

import (
	"context"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// params are OWASP's for argon2id. One hash takes 19 MiB, and about 30 ms of one processor.
var params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobodys is a hash of these parameters that no password is known for.
const nobodys = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdC1vZi1uby11c2VyIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Hasher computes at most some hashes at once; others wait for their turn. It is safe for concurrent use.
type Hasher struct{ turns chan struct{} }

// New makes a Hasher that computes at most atOnce hashes at a time.
func New(atOnce int) *Hasher { return &Hasher{turns: make(chan struct{}, atOnce)} }

// Hash returns the hash of a password with a random salt. It waits for its turn until ctx ends.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	end, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	hash, err := argon2id.CreateHash(password, params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// Matches reports whether a hash is that of a password. With an empty hash, that of an account that does not exist or that has no
// password, it does the same work and returns false. It waits for its turn until ctx ends. The error does not contain the hash.
func (h *Hasher) Matches(ctx context.Context, password, hash string) (bool, error) {
	end, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	exists := hash != ""
	if !exists {
		hash = nobodys
	}
	same, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("verify a password: %w", err)
	}
	return same && exists, nil
}

func (h *Hasher) turn(ctx context.Context) (end func(), err error) {
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a turn to hash a password: %w", ctx.Err())
	}
}
