package queries

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
)

// Catalogue has concerts, some seconds old at most. Concert may block for a read, until ctx ends, and is safe for concurrent use.
// found is false if there is no such concert; an error means that it is not known.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
}

// Concerts answers the route of layouts.
type Concerts struct {
	Catalogue Catalogue
	Plans     Plans
	Log       *slog.Logger
	Now       func() time.Time
}

// Layout answers GET /api/concerts/{concertId}/layout. With ?version= the answer is immutable and may be kept for good, for every
// version up to the frozen one: none of them ever changes, and tickets of an older one may be shown for years.
func (h Concerts) Layout(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	concert, err := h.concert(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	query, err := r.Query("version")
	if err != nil {
		return httpapi.Response{}, err
	}
	version, headers := concert.LayoutVersion, cached(contracts.InstantOf(h.Now()), concert)
	notFound := httpapi.NewProblem(httpapi.CodeLayoutNotFound, "This concert has no such layout.")
	asked, named := query["version"]
	if named {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || strconv.Itoa(n) != asked {
			return httpapi.Response{}, notFound
		}
		version = n
	}
	frozen := version <= concert.LayoutFrozen
	if named && frozen {
		headers = httpapi.Headers{"Cache-Control": "public, max-age=31536000, immutable"}
	}
	// A version that is higher than the concert's is read as well: the concert in memory may be some seconds old.
	plan, found, err := h.Plans.Plan(ctx, concert.ConcertID, version, frozen)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "layout not read", err)
	}
	if !found {
		return httpapi.Response{}, notFound
	}
	return httpapi.Encoded(http.StatusOK, plan.body, headers), nil
}

func (h Concerts) concert(ctx context.Context, r httpapi.Request) (readmodel.Concert, error) {
	concert, found, err := h.Catalogue.Concert(ctx, r.PathParameters["concertId"])
	if err != nil {
		return readmodel.Concert{}, h.unavailable(ctx, "concert not read", err)
	}
	if !found {
		return readmodel.Concert{}, httpapi.NewProblem(httpapi.CodeConcertNotFound, "There is no such concert.")
	}
	return concert, nil
}

func (h Concerts) warn(ctx context.Context, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

func (h Concerts) unavailable(ctx context.Context, what string, err error) error {
	h.warn(ctx, what, err)
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The catalogue cannot be read right now.")
}
