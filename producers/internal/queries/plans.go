package queries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/contracts/geometry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// Plan is a layout version as it is shown: the answer, encoded once, and what a snapshot of its seats needs. It is immutable.
type Plan struct {
	body   string
	groups []planGroup
}

type planGroup struct {
	group  string
	places int
}

// Plans has layouts. found is false if there is no such version. frozen says that the version never changes any more, because it
// is sold or a later version is. Plan may block for a read, until ctx ends, and is safe for concurrent use; an error means that
// the plan is not known.
type Plans interface {
	Plan(ctx context.Context, concertID string, version int, frozen bool) (plan *Plan, found bool, err error)
}

// planBytes bounds the memory of the plans that a process keeps: an eighth of the function's memory. An arena of 23,000 seats
// takes 0.1 MB.
const planBytes = 32 << 20

// KeptPlans keeps plans in the memory of the process. It is safe for concurrent use.
type KeptPlans struct{ memory *layoutitem.Memory[*Plan] }

// NewPlans makes empty KeptPlans.
func NewPlans(source layoutitem.Source, now func() time.Time) KeptPlans {
	return KeptPlans{layoutitem.NewMemory(layoutitem.UsePage, source, planBytes, now, newPlan)}
}

// Plan implements Plans.
func (k KeptPlans) Plan(ctx context.Context, concertID string, version int, frozen bool) (*Plan, bool, error) {
	return k.memory.Get(ctx, concertID, version, frozen)
}

// Preload reads the layouts of the sales that buyers most likely ask for.
func (k KeptPlans) Preload(ctx context.Context) error { return k.memory.Preload(ctx) }

type layoutView struct {
	ConcertID     string            `json:"concertId"`
	LayoutVersion int               `json:"layoutVersion"`
	Tiers         []readmodel.Tier  `json:"tiers"`
	Groups        []groupView       `json:"groups"`
	Geometry      geometry.Geometry `json:"geometry"`
}

type groupView struct {
	Group      string         `json:"group"`
	Section    string         `json:"section"`
	Kind       string         `json:"kind"`
	Tier       string         `json:"tier"`
	Rows       []rowView      `json:"rows"`
	Accessible []string       `json:"accessible"`
	Companions []string       `json:"companions,omitempty"`
	Restricted []string       `json:"restricted,omitempty"`
	Shape      geometry.Shape `json:"shape"`
}

// rowView has the rule of a row's names: seat k, counted from 1, is Prefix and k, with leading zeros up to Digits digits.
type rowView struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix"`
	Count  int    `json:"count"`
	Digits int    `json:"digits,omitempty"`
}

// errNames means that a layout cannot be shown: names of seats follow no rule, or the places are not in the order of the rows.
// The loader writes no such layout.
var errNames = errors.New("the names of its seats cannot be given by rule")

// newPlan encodes the answer of an item, and returns its size in bytes. Tiers are the item's and not the concert's: an old
// version has its own prices.
func newPlan(of layoutitem.Ref, body []byte) (*Plan, int, error) {
	page, err := layoutitem.DecodePage(body)
	if err != nil {
		return nil, 0, err
	}
	plan := &Plan{}
	view := layoutView{ConcertID: of.ConcertID, LayoutVersion: of.Version, Tiers: dearestFirst(page.Tiers), Geometry: drawingOf(page)}
	for _, g := range page.Groups {
		rows, err := rowsOf(g)
		if err != nil {
			return nil, 0, fmt.Errorf("group %q: %w", g.Group, err)
		}
		view.Groups = append(view.Groups, groupView{
			Group: g.Group, Section: g.Section, Kind: g.Kind, Tier: g.Tier, Rows: rows,
			Accessible: append([]string{}, g.Accessible...), Companions: g.Companions, Restricted: g.Restricted, Shape: g.Shape,
		})
		plan.groups = append(plan.groups, planGroup{group: g.Group, places: len(g.Seats)})
	}
	encoded, err := json.Marshal(view)
	if err != nil {
		return nil, 0, err
	}
	plan.body = string(encoded)
	const perGroup = 64
	return plan, len(plan.body) + len(plan.groups)*perGroup, nil
}

// rowsOf returns the rows by rule. A snapshot has its seats in the order of the rows, so the places must have that order too.
func rowsOf(g readmodel.LayoutGroup) ([]rowView, error) {
	rows, seats := make([]rowView, len(g.Rows)), make([]string, 0, len(g.Seats))
	for i, r := range g.Rows {
		rule, found := layoutitem.RuleOf(r)
		if !found {
			return nil, errNames
		}
		rows[i] = rowView{Name: r.Name, Prefix: rule.Prefix, Count: rule.Count, Digits: rule.Digits}
		seats = append(seats, r.Seats...)
	}
	if !slices.Equal(seats, g.Seats) {
		return nil, errNames
	}
	return rows, nil
}

// drawingOf returns the item's geometry, or a plain one for an item that is older than the geometry of halls.
func drawingOf(page layoutitem.Page) geometry.Geometry {
	if page.Geometry != nil {
		return *page.Geometry
	}
	placed := make([]geometry.Placed, len(page.Groups))
	for i, g := range page.Groups {
		placed[i] = geometry.Placed{Section: g.Section, Shape: g.Shape}
	}
	return geometry.Around(placed)
}
