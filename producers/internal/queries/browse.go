package queries

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/browse"
	"boxoffice/producers/internal/httpapi"
)

// Listing has the catalogue, some seconds old at most unless its store fails. at is when it was read. Its methods may block for a
// read, until ctx ends, and are safe for concurrent use. found is false if there is no such concert; an error means that it is not
// known.
type Listing interface {
	Concerts(ctx context.Context) (index *browse.Index, at time.Time, err error)
	ConcertAt(ctx context.Context, concertID string) (concert readmodel.Concert, at time.Time, found bool, err error)
}

// SeatsLeft has the free seats of concerts on sale, by id. A concert whose seats are not known is not among them. It may block for
// a read, until ctx ends, and is safe for concurrent use. The caller must not change the map.
type SeatsLeft interface {
	SeatsLeft(ctx context.Context) map[string]readmodel.SeatCount
}

// Browse answers GET /api/concerts and GET /api/concerts/{concertId}.
type Browse struct {
	Listing Listing
	Left    SeatsLeft
	// HoldSeconds is how long a buyer has to pay.
	HoldSeconds int
	Log         *slog.Logger
	Now         func() time.Time
}

type concertsView struct {
	Concerts   []concertView `json:"concerts"`
	Facets     browse.Facets `json:"facets"`
	NextCursor string        `json:"nextCursor,omitempty"`
}

// List answers GET /api/concerts?city&genre&from&to&q&cursor&limit, ordered by start and id.
func (h Browse) List(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	query, err := r.Query(append(browse.FilterNames(), "cursor", "limit")...)
	if err != nil {
		return httpapi.Response{}, err
	}
	filter, err := browse.ParseFilter(query)
	if err != nil {
		return httpapi.Response{}, invalidFilter(err)
	}
	limit, err := httpapi.Limit(query)
	if err != nil {
		return httpapi.Response{}, err
	}
	cursors := httpapi.Cursors[browse.Position]{List: "concerts " + filter.Name()}
	after, err := cursors.Of(query)
	if err != nil {
		return httpapi.Response{}, err
	}
	index, at, err := h.Listing.Concerts(ctx)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "concerts not read", err)
	}
	now := contracts.InstantOf(h.Now())
	concerts, next, more := index.Page(filter, after, limit)
	view := concertsView{Concerts: make([]concertView, len(concerts)), Facets: index.Facets(filter)}
	if more {
		view.NextCursor = cursors.Encode(next)
	}
	left := h.Left.SeatsLeft(ctx)
	for i, c := range concerts {
		view.Concerts[i] = h.view(c, now, left)
	}
	return aged(r, view, at, cached(now, concerts...)), nil
}

// Detail answers GET /api/concerts/{concertId}.
func (h Browse) Detail(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if _, err := r.Query(); err != nil {
		return httpapi.Response{}, err
	}
	c, at, found, err := h.Listing.ConcertAt(ctx, r.PathParameters["concertId"])
	switch {
	case err != nil:
		return httpapi.Response{}, h.unavailable(ctx, "concert not read", err)
	case !found:
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeConcertNotFound, "There is no such concert.")
	}
	now := contracts.InstantOf(h.Now())
	return aged(r, concertDetailView{
		concertView: h.view(c, now, h.Left.SeatsLeft(ctx)),
		Description: c.Description, Tiers: dearestFirst(c.Tiers), LimitPerOrder: c.LimitPerOrder, LimitPerBuyer: c.BuyerLimit(),
		Rules: rulesOf(c), OrdersURL: ordersURL,
	}, at, cached(now, c)), nil
}

// invalidFilter turns an unreadable filter into its problem.
func invalidFilter(err error) error {
	var unreadable *browse.Unreadable
	if errors.As(err, &unreadable) {
		return httpapi.NewProblem(httpapi.CodeInvalidFilter, unreadable.Detail)
	}
	return err
}

func (h Browse) unavailable(ctx context.Context, what string, err error) error {
	h.Log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The catalogue cannot be read right now.")
}
