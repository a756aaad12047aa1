package queries

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/httpapi"
)

// SeatMaps reads the maps of groups, each at one instant. A group in another layout version than the one asked for is not
// loaded.
type SeatMaps interface {
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
}

// Pacer tells how far decisions are behind the queue.
type Pacer interface {
	Pace(ctx context.Context) (time.Duration, error)
}

// Availability answers GET /api/concerts/{concertId}/availability: one public snapshot without parameters, so that a
// million viewers cost the origin one read a second per edge.
type Availability struct {
	Concerts
	SeatMaps SeatMaps
}

type availabilityView struct {
	ConcertID     string              `json:"concertId"`
	LayoutVersion int                 `json:"layoutVersion"`
	At            contracts.Instant   `json:"at"`
	Groups        []groupAvailability `json:"groups"`
}

type groupAvailability struct {
	Group string `json:"group"`
	Epoch int64  `json:"epoch"`
	Rev   int64  `json:"rev"`
	State string `json:"state"`
	Seats []byte `json:"seats"`
}

// States of a group in the answer. A group that is loading has all its seats shown as held: nobody can be promised one.
const (
	stateReady   = "ready"
	stateLoading = "loading"
)

// Handle implements httpapi.Handler.
func (h Availability) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, *httpapi.Problem) {
	if _, problem := r.Query(); problem != nil {
		return httpapi.Response{}, problem
	}
	concert, problem := h.concert(ctx, r)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	seating, found, err := h.Catalogue.Seating(ctx, concert.ConcertID, concert.LayoutVersion, concert.LayoutFrozen == concert.LayoutVersion)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "layout not read", err)
	}
	if !found {
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeLayoutNotFound, "This concert has no layout yet.")
	}
	layout := seating.Groups()
	keys := make([]seatstate.GroupVersion, len(layout))
	for i, g := range layout {
		keys[i] = seatstate.In(contracts.SeatGroup{ConcertID: concert.ConcertID, Group: g.Group}, concert.LayoutVersion)
	}
	at := contracts.InstantOf(h.Now())
	states, err := h.SeatMaps.Maps(ctx, keys)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "seat maps not read", err)
	}
	view := availabilityView{ConcertID: concert.ConcertID, LayoutVersion: concert.LayoutVersion, At: at, Groups: make([]groupAvailability, len(layout))}
	for i, g := range layout {
		view.Groups[i] = availabilityOf(g.Group, len(g.Seats), states[i])
	}
	tag := etag(view)
	headers := httpapi.Headers{"Cache-Control": "public, max-age=1", "ETag": tag}
	if matchesTag(r.Header("If-None-Match"), tag) {
		return httpapi.NotModified(headers), nil
	}
	return httpapi.JSON(http.StatusOK, view, headers), nil
}

func allHeld(places int) []byte {
	m := seatstate.NewSeatMap(places)
	for p := range places {
		m.Set(p, seatstate.Held)
	}
	return m
}

func availabilityOf(group string, places int, s seatstate.Snapshot) groupAvailability {
	if !s.Loaded {
		return groupAvailability{Group: group, State: stateLoading, Seats: allHeld(places)}
	}
	return groupAvailability{Group: group, Epoch: s.Revision.Epoch, Rev: s.Revision.Rev, State: stateReady, Seats: s.Map.Padded(places)}
}

// etag depends on everything of the answer but the time: two answers with the same tag show the same seats. It is weak, since
// their bodies differ by the time.
func etag(v availabilityView) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d", v.ConcertID, v.LayoutVersion)
	for _, g := range v.Groups {
		_, _ = fmt.Fprintf(h, "|%s %d %d %s %x", g.Group, g.Epoch, g.Rev, g.State, g.Seats)
	}
	return `W/"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`
}

// matchesTag compares weakly, as RFC 9110 wants of If-None-Match.
func matchesTag(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == strings.TrimPrefix(tag, "W/") || candidate == "*" {
			return true
		}
	}
	return false
}
