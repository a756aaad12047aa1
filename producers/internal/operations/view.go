package operations

import (
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Figures that are not known are left out, never shown as 0.

type overviewView struct {
	At    contracts.Instant `json:"at"`
	Stale bool              `json:"stale"`
	// Missing are the parts that the last run could not read.
	Missing       []string                 `json:"missing,omitempty"`
	Queues        []queueView              `json:"queues"`
	MoreLetters   bool                     `json:"moreDeadLetters,omitempty"`
	Orders        map[contracts.Status]int `json:"orders"`
	OpenAt        *contracts.Instant       `json:"openOrdersAt,omitempty"`
	SettledSince  *contracts.Instant       `json:"settledOrdersSince,omitempty"`
	Concerts      []concertView            `json:"concerts"`
	LeftOut       int                      `json:"concertsLeftOut"`
	Breakers      []breakerView            `json:"breakers"`
	Alarms        []alarmView              `json:"alarms"`
	UncheckedOnes []string                 `json:"alarmsUnchecked"`
}

type queueView struct {
	Name        string      `json:"name"`
	Visible     *int        `json:"visible,omitempty"`
	InFlight    *int        `json:"inFlight,omitempty"`
	Delayed     *int        `json:"delayed,omitempty"`
	LagSeconds  *float64    `json:"lagSeconds,omitempty"`
	DeadLetters *int        `json:"deadLetters,omitempty"`
	History     []pointView `json:"history"`
}

type pointView struct {
	At         contracts.Instant `json:"at"`
	Visible    int               `json:"visible"`
	LagSeconds *float64          `json:"lagSeconds,omitempty"`
}

type concertView struct {
	ConcertID   string              `json:"concertId"`
	Status      readmodel.SaleState `json:"status"`
	At          *contracts.Instant  `json:"at,omitempty"`
	GroupCount  int                 `json:"groupCount"`
	GroupsKnown int                 `json:"groupsKnown"`
	Free        int                 `json:"free"`
	Held        int                 `json:"held"`
	Sold        int                 `json:"sold"`
	Groups      []groupView         `json:"groups"`
}

type groupView struct {
	Group      string               `json:"group"`
	Section    string               `json:"section"`
	Tier       string               `json:"tier,omitempty"`
	State      readmodel.GroupState `json:"state"`
	Free       *int                 `json:"free,omitempty"`
	Held       *int                 `json:"held,omitempty"`
	Sold       *int                 `json:"sold,omitempty"`
	LagSeconds *float64             `json:"lagSeconds,omitempty"`
	At         contracts.Instant    `json:"at"`
}

type breakerView struct {
	Name  string            `json:"name"`
	Since contracts.Instant `json:"since"`
}

type alarmView struct {
	Name  string            `json:"name"`
	Since contracts.Instant `json:"since"`
	Value float64           `json:"value"`
}

func viewOf(o readmodel.Overview, missing []string, seats map[string]readmodel.ConcertSeats, now contracts.Instant) overviewView {
	v := overviewView{
		At: o.At, Stale: now.Sub(o.At) > readmodel.MaxOverviewAge, Missing: missing, Queues: []queueView{}, MoreLetters: o.MoreLetters,
		Orders: map[contracts.Status]int{}, OpenAt: known(o.Orders.OpenAt), SettledSince: known(o.Orders.SettledSince),
		Concerts: []concertView{}, LeftOut: o.LeftOut, Breakers: []breakerView{}, Alarms: []alarmView{}, UncheckedOnes: append([]string{}, o.Unchecked...),
	}
	for _, q := range o.Queues {
		v.Queues = append(v.Queues, queueOf(q))
	}
	for _, status := range contracts.Statuses() {
		if n, counted := o.Orders.Open[status]; counted {
			v.Orders[status] = n
		}
		if n, counted := o.Orders.Settled[status]; counted {
			v.Orders[status] = n
		}
	}
	for _, c := range o.Concerts {
		v.Concerts = append(v.Concerts, concertOf(c, seats[c.ConcertID]))
	}
	for _, b := range o.Breakers {
		v.Breakers = append(v.Breakers, breakerView(b))
	}
	for _, a := range o.Alarms {
		v.Alarms = append(v.Alarms, alarmView(a))
	}
	// The longest first.
	slices.SortStableFunc(v.Alarms, func(a, b alarmView) int { return int(a.Since - b.Since) })
	return v
}

func queueOf(q readmodel.QueueState) queueView {
	v := queueView{
		Name: q.Name, Visible: q.Visible, InFlight: q.InFlight, Delayed: q.Delayed, LagSeconds: seconds(q.LagMs), DeadLetters: q.DeadLetters, History: []pointView{},
	}
	for _, p := range q.History {
		v.History = append(v.History, pointView{At: p.At, Visible: p.Visible, LagSeconds: seconds(p.LagMs)})
	}
	return v
}

func concertOf(c readmodel.ConcertTotals, seats readmodel.ConcertSeats) concertView {
	v := concertView{
		ConcertID: c.ConcertID, Status: c.Sale, At: known(c.At), GroupCount: c.Groups, GroupsKnown: c.Known, Free: c.Free, Held: c.Held, Sold: c.Sold,
		Groups: []groupView{},
	}
	for _, g := range seats.Groups {
		view := groupView{Group: g.Group, Section: g.Section, Tier: g.Tier, State: g.State, LagSeconds: seconds(g.LagMs), At: g.At}
		if g.State == readmodel.GroupReady {
			view.Free, view.Held, view.Sold = &g.Free, &g.Held, &g.Sold
		}
		v.Groups = append(v.Groups, view)
	}
	return v
}

// known returns an instant, nil for none.
func known(at contracts.Instant) *contracts.Instant {
	if at == 0 {
		return nil
	}
	return &at
}

func seconds(ms *int64) *float64 {
	if ms == nil {
		return nil
	}
	s := float64(*ms) / 1000
	return &s
}
