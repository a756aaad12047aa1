package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// wanted is the number of seats that the demo orders.
const wanted = 11

// seatMap reads what every visitor sees: the seat groups, and the state of each seat. A group that is loading shows no free seat.
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

// freeSeats returns a group that has wanted free seats.
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

const pollEvery = 250 * time.Millisecond

// await polls a condition until it holds. why says what is missing, in the error at the end of ctx.
func await(ctx context.Context, condition func() (holds bool, why string, err error)) error {
	for {
		holds, why, err := condition()
		if holds || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", why, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// awaitShown waits until the seat map shows every seat in this state.
func (d demo) awaitShown(ctx context.Context, seats []string, want seatstate.State) error {
	return await(ctx, func() (bool, string, error) {
		_, shown, err := d.seatMap(ctx)
		differ := slices.ContainsFunc(seats, func(seat string) bool { return shown[seat] != want })
		return !differ, "the seat map does not show " + join(seats) + " as they should be", err
	})
}
