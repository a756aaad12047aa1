// Package connections opens and closes the connections over which buyers are told of their orders: it issues tickets, answers the
// handshake, and answers the messages of clients. consumers/internal/notify sends over the connections.
package connections

import (
	"context"
	"io"
	"log/slog"
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/sealed"
	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/socketapi"
)

// Store stores open connections. Every method is safe for concurrent use, and returns an error only if the store did not answer: then
// a write may have happened.
type Store interface {
	// Open stores a connection and marks its ticket as used, both or neither. used says that the ticket is marked already; then
	// nothing is stored. The store may delete the mark after markEnds, and the connection after its ExpiresAt.
	Open(ctx context.Context, c readmodel.Connection, nonce string, markEnds time.Time) (used bool, err error)
	// Close deletes a connection, if it is there.
	Close(ctx context.Context, connectionID string) error
}

// Service is immutable and safe for concurrent use.
type Service struct {
	Store Store
	// Keys seal tickets.
	Keys sealed.Keys
	// URL is where clients open connections.
	URL string
	// Random is the source of nonces; it must be one that nobody can guess.
	Random io.Reader
	Log    *slog.Logger
	Now    func() time.Time
}

// Routes returns the HTTP handlers by route.
func (s *Service) Routes() map[string]httpapi.Handler {
	return map[string]httpapi.Handler{"GET /api/push": s.push}
}

// SocketRoutes returns the handlers of the WebSocket API by route.
func (s *Service) SocketRoutes() map[string]socketapi.Handler {
	return map[string]socketapi.Handler{
		topology.RouteConnect: s.connect, topology.RouteDisconnect: s.disconnect, topology.RouteMessage: s.message,
	}
}
