package tickets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/httpapi"
)

// Revoked reads revocations. It is safe for concurrent use.
type Revoked interface {
	// Revocations reads all rows of a concert, or none: an error means that the list is not known. It blocks until then or until ctx
	// ends. It stops with ticketcode.ErrTooManyRevoked once the rows have more than maxBytes of codes.
	Revocations(ctx context.Context, concertID string, maxBytes int) ([]readmodel.Revocation, error)
}

// Concerts says which concerts there are. It is safe for concurrent use.
type Concerts interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
}

// Revocations answers GET /api/concerts/{concertId}/revocations. It is safe for concurrent use.
//
// A list is one Query of the rows of its concert. It is kept for ticketcode.KeptInProcess, so that requests past the caches cost
// each process little, and a cache keeps it for ticketcode.CacheSeconds.
type Revocations struct {
	revoked  Revoked
	concerts Concerts
	keys     ticketcode.Set
	log      *slog.Logger
	now      func() time.Time

	mu   sync.Mutex
	kept map[string]keptList
}

// keptList is an encoded list with the instant at which its read began.
type keptList struct {
	body string
	at   time.Time
}

// NewRevocations makes the handler.
func NewRevocations(revoked Revoked, concerts Concerts, keys ticketcode.Set, log *slog.Logger, now func() time.Time) *Revocations {
	return &Revocations{revoked: revoked, concerts: concerts, keys: keys, log: log, now: now, kept: map[string]keptList{}}
}

// maxCodeBytes bounds the codes that are read: one row more than a list can have is enough to refuse it.
const maxCodeBytes = (ticketcode.MaxRevoked + 1) * len(ticketcode.Code{})

// Handle implements httpapi.Handler.
func (h *Revocations) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if _, err := r.Query(); err != nil {
		return httpapi.Response{}, err
	}
	concert, found, err := h.concerts.Concert(ctx, r.PathParameters["concertId"])
	if err != nil {
		return httpapi.Response{}, unavailable(ctx, h.log, "concert not read", err)
	}
	if !found {
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeConcertNotFound, "There is no such concert.")
	}
	body, err := h.list(ctx, concert.ConcertID)
	switch {
	case errors.Is(err, ticketcode.ErrTooManyRevoked):
		// No repeat helps, and a list that was cut would let revoked tickets in.
		return httpapi.Response{}, fmt.Errorf("revocations of %s: %w", concert.ConcertID, err)
	case err != nil:
		return httpapi.Response{}, unavailable(ctx, h.log, "revocations not read", err)
	}
	return httpapi.Encoded(ok, body, httpapi.Headers{"Cache-Control": "public, max-age=" + strconv.Itoa(ticketcode.CacheSeconds)}), nil
}

func (h *Revocations) list(ctx context.Context, concertID string) (string, error) {
	now := h.now()
	h.mu.Lock()
	known, there := h.kept[concertID]
	h.mu.Unlock()
	if there && now.Sub(known.at) < ticketcode.KeptInProcess {
		return known.body, nil
	}
	rows, err := h.revoked.Revocations(ctx, concertID, maxCodeBytes)
	if err != nil {
		return "", err
	}
	var codes []ticketcode.Code
	for _, row := range rows {
		of, err := ticketcode.RevokedBy(row)
		if err != nil {
			return "", err
		}
		codes = append(codes, of...)
	}
	key, found := h.keys.Signing(now)
	if !found {
		return "", errNoKey
	}
	// The list is complete as of the beginning of the read.
	list, err := key.Revoke(concertID, contracts.InstantOf(now), codes)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, old := range h.kept {
		if now.Sub(old.at) >= ticketcode.KeptInProcess {
			delete(h.kept, id)
		}
	}
	h.kept[concertID] = keptList{string(body), now}
	return string(body), nil
}
