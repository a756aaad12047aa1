package server

import (
	"net/http"
	"net/url"
	"sync"
	"time"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// keyLifetime is the lifetime of a key. Stripe may delete it at any time after that; the double does so at once.
const keyLifetime = 24 * time.Hour

// maxKeyLength is the maximum length of a key.
const maxKeyLength = 255

// saved is the response to the first request under a key. Every later one gets the same response, even a 500.
type saved struct {
	method, path, parameters string
	at                       time.Time
	done                     bool
	status                   int
	body                     []byte
}

// keys stores responses by idempotency key. It is safe for concurrent use.
type keys struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]*saved
}

// begin reads a key. It sets exactly one result: replay is the response to repeat; problem says why the key cannot be used; first
// is a new entry, for which the caller must call end or forget.
func (k *keys) begin(key string, r *http.Request, values url.Values) (replay, first *saved, problem *stripe.Error) {
	if len(key) > maxKeyLength {
		return nil, nil, stripe.InvalidParam("", "", "Idempotency keys have at most %d characters.", maxKeyLength)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	asked := &saved{method: r.Method, path: r.URL.Path, parameters: values.Encode(), at: k.now()}
	known, ok := k.all[key]
	switch {
	case !ok || known.done && k.now().Sub(known.at) > keyLifetime:
		k.all[key] = asked
		return nil, asked, nil
	case known.method != asked.method || known.path != asked.path || known.parameters != asked.parameters:
		return nil, nil, &stripe.Error{
			HTTPStatus: http.StatusBadRequest, Type: stripe.TypeIdempotency,
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '" + key + "' if you meant to execute a different request.",
		}
	case !known.done:
		return nil, nil, &stripe.Error{
			HTTPStatus: http.StatusConflict, Type: stripe.TypeIdempotency, Code: "idempotency_key_in_use",
			Message: "There is currently another in-progress request using this Stripe Idempotency Key (that probably means you submitted twice, and the other request is still going through): " + key + ".",
		}
	default:
		return known, nil, nil
	}
}

// end saves the response.
func (k *keys) end(s *saved, status int, body []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.done, s.status, s.body = true, status, body
}

// forget deletes the key, because nothing was done under it.
func (k *keys) forget(key string, s *saved) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all[key] == s {
		delete(k.all, key)
	}
}

func (k *keys) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = map[string]*saved{}
}
