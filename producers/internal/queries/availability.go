package queries

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/httpapi"
)

// SeatMaps reads the maps of groups. It is safe for concurrent use.
type SeatMaps interface {
	// Maps returns a snapshot of each group, each at one instant. It blocks for at most some hundred milliseconds. A group in
	// another layout version than the given one is not loaded. So is a group whose part of Redis does not answer; the error says
	// so beside the other snapshots, which are nil if no group is known.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
}

// Availability answers GET /api/concerts/{concertId}/availability: one public snapshot without parameters, so that a million
// viewers cost the origin one read a second per edge. A process reads the seats of a concert at most once a second, however many
// requests it has at once. Make it with NewAvailability.
type Availability struct {
	Concerts
	seatMaps SeatMaps
	kept     *shared[answer]
}

// NewAvailability makes an Availability that keeps each encoded answer for a second.
func NewAvailability(c Concerts, seatMaps SeatMaps) Availability {
	return Availability{Concerts: c, seatMaps: seatMaps, kept: newShared[answer]()}
}

// answer is an encoded snapshot.
type answer struct{ body, tag string }

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

// States of a group in the answer. A loading group shows all its seats as held: none can be promised.
const (
	stateReady   = "ready"
	stateLoading = "loading"
)

// Handle implements httpapi.Handler.
func (h Availability) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	if _, err := r.Query(); err != nil {
		return httpapi.Response{}, err
	}
	concert, err := h.concert(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	of := layoutitem.Ref{ConcertID: concert.ConcertID, Version: concert.LayoutVersion}
	shown, err := h.kept.get(ctx, of, h.Now, func(now time.Time) (answer, error) {
		return h.read(ctx, of, concert.LayoutFrozen == concert.LayoutVersion, now)
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = h.unavailable(ctx, "seat maps not awaited", err)
	}
	if err != nil {
		return httpapi.Response{}, err
	}
	return tagged(r, shown.tag, shown.body, httpapi.Headers{"Cache-Control": "public, max-age=1"}), nil
}

// read makes an answer of what Redis shows now.
func (h Availability) read(ctx context.Context, of layoutitem.Ref, frozen bool, now time.Time) (answer, error) {
	plan, found, err := h.Plans.Plan(ctx, of.ConcertID, of.Version, frozen)
	if err != nil {
		return answer{}, h.unavailable(ctx, "layout not read", err)
	}
	if !found {
		return answer{}, httpapi.NewProblem(httpapi.CodeLayoutNotFound, "This concert has no layout yet.")
	}
	keys := make([]seatstate.GroupVersion, len(plan.groups))
	for i, g := range plan.groups {
		keys[i] = seatstate.In(contracts.SeatGroup{ConcertID: of.ConcertID, Group: g.group}, of.Version)
	}
	states, err := h.seatMaps.Maps(ctx, keys)
	if err != nil {
		if states == nil {
			return answer{}, h.unavailable(ctx, "seat maps not read", err)
		}
		h.warn(ctx, "some seat maps not read", err)
	}
	view := availabilityView{ConcertID: of.ConcertID, LayoutVersion: of.Version, At: contracts.InstantOf(now), Groups: make([]groupAvailability, len(keys))}
	for i, g := range plan.groups {
		view.Groups[i] = availabilityOf(g.group, g.places, states[i])
	}
	encoded, err := json.Marshal(view)
	if err != nil {
		return answer{}, httpapi.NewProblem(httpapi.CodeInternal, "The answer could not be made.")
	}
	return answer{body: string(encoded), tag: etag(view)}, nil
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

// etag depends on everything in the answer except the time: two answers with the same tag show the same seats. It is weak, since
// their bodies differ in the time.
func etag(v availabilityView) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d", v.ConcertID, v.LayoutVersion)
	for _, g := range v.Groups {
		_, _ = fmt.Fprintf(h, "|%s %d %d %s %x", g.Group, g.Epoch, g.Rev, g.State, g.Seats)
	}
	return weakTag(h.Sum(nil))
}
