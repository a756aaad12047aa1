package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// wanted is how many seats the demo buys.
const wanted = 11

// seatMap reads what anybody sees: the seat groups, and how each seat is shown. A group that is loading shows none free.
func (d demo) seatMap(ctx context.Context) (groups []apiclient.Group, shown map[string]seatstate.State, err error) {
	anyone, err := d.Buyer("")
	if err != nil {
		return nil, nil, err
	}
	layout, err := d.Layout(ctx, d.Concert)
	if err != nil {
		return nil, nil, err
	}
	var now apiclient.Availability
	if err := anyone.Get(ctx, "/concerts/"+d.Concert+"/availability", &now); err != nil {
		return nil, nil, err
	}
	shown = map[string]seatstate.State{}
	for i, g := range layout.Groups {
		for place, seat := range g.Seats {
			shown[seat] = now.Groups[i].Seats.At(place)
		}
	}
	return layout.Groups, shown, nil
}

// freeSeats finds a group with so many free seats.
func (d demo) freeSeats(ctx context.Context) (group string, seats []string, err error) {
	groups, shown, err := d.seatMap(ctx)
	if err != nil {
		return "", nil, err
	}
	left := 0
	for _, g := range groups {
		var free []string
		for _, seat := range g.Seats {
			if shown[seat] == seatstate.Free {
				free = append(free, seat)
				left++
			}
		}
		if len(free) >= wanted && seats == nil {
			group, seats = g.Group, free[:wanted]
		}
	}
	d.sayf("%d of %d seats are free, in %d seat groups.", left, len(shown), len(groups))
	if seats == nil {
		return "", nil, fmt.Errorf("no group has %d free seats left; a new stack has", wanted)
	}
	return group, seats, nil
}

// mapPoll is how often the seat map is read while it is awaited.
const mapPoll = 250 * time.Millisecond

// awaitShown waits until the seat map shows each of the seats in this state.
func (d demo) awaitShown(ctx context.Context, seats []string, want seatstate.State) error {
	for {
		_, shown, err := d.seatMap(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(seats, func(seat string) bool { return shown[seat] != want }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the seat map does not show %s as they should be: %w", join(seats), ctx.Err())
		case <-time.After(mapPoll):
		}
	}
}
