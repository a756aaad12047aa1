// Package operations answers what operators ask: the state of queues, orders and seats, and the dead letters. It changes nothing.
// Each route needs a token with the scope operator.
package operations

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/tokenkeys"
	"boxoffice/producers/internal/httpapi"
)

// OverviewReader reads the overview that reconcile writes. It is safe for concurrent use, and blocks until it has an answer or ctx
// ends.
type OverviewReader interface {
	// Overview returns the overview; found is false as long as no run has written one. An overview of a later form is an error.
	Overview(ctx context.Context) (overview readmodel.Overview, found bool, err error)
	// ConcertSeats returns the seats of concerts, by id. Those that are not there, or of a later form, are missing.
	ConcertSeats(ctx context.Context, concertIDs []string) (map[string]readmodel.ConcertSeats, error)
}

// maxGroups bounds the groups of one answer, which has at most 2 MB then; Lambda takes 6 MB. Concerts beyond it are shown with their
// totals alone.
const maxGroups = 10_000

// Overview answers GET /api/ops/overview. It is safe for concurrent use.
type Overview struct {
	Reader OverviewReader
	Log    *slog.Logger
	Now    func() time.Time
}

// Handle implements httpapi.Handler.
func (h Overview) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if _, err := r.RequireScope(tokenkeys.ScopeOperator); err != nil {
		return httpapi.Response{}, err
	}
	if _, err := r.Query(); err != nil {
		return httpapi.Response{}, err
	}
	o, found, err := h.Reader.Overview(ctx)
	switch {
	case err != nil:
		h.warn(ctx, "overview not read", err)
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnavailable, "The overview cannot be read right now.")
	case !found:
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnavailable, "There is no overview yet: reconcile writes one each minute.").After(10_000)
	}
	shown := shownConcerts(o.Concerts)
	missing := o.Missing
	seats, err := h.Reader.ConcertSeats(ctx, shown)
	if err != nil {
		// The totals are there all the same.
		h.warn(ctx, "seats of the overview not read", err)
		if !slices.Contains(missing, readmodel.PartSeats) {
			missing = append(slices.Clone(missing), readmodel.PartSeats)
		}
	}
	return httpapi.JSON(http.StatusOK, viewOf(o, missing, seats, contracts.InstantOf(h.Now())), nil), nil
}

func (h Overview) warn(ctx context.Context, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

// shownConcerts returns the concerts whose groups are shown: as many of the first as have maxGroups together.
func shownConcerts(concerts []readmodel.ConcertTotals) (ids []string) {
	groups := 0
	for _, c := range concerts {
		if groups += min(c.Groups, readmodel.MaxConcertGroups); groups > maxGroups {
			break
		}
		ids = append(ids, c.ConcertID)
	}
	return ids
}
