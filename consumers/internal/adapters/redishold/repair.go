package redishold

import (
	"context"
	_ "embed" // repair.lua
	"fmt"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

//go:embed repair.lua
var repairBody string

// Repair gives orders the places that rows and tickets say they have: each order as a whole, and only if nothing has
// happened to it since State read it in this epoch. See holds.Change. Errors are those of Store.
func (s *Store) Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error) {
	if err := holds.ValidRepair(epoch, changes); err != nil {
		return holds.Repaired{}, invalid(err)
	}
	args := []any{epoch, s.o.LapseAfter.Milliseconds()}
	for _, c := range changes {
		args = append(args, string(c.Order), c.Version, orDash(c.Hash), wantWords[c.Want],
			int64(c.HeldAt), int64(c.ExpiresAt), orDash(joined(c.Places)), len(c.Seen))
		for _, p := range slices.Sorted(maps.Keys(c.Seen)) {
			args = append(args, p, seenWord(c.Seen[p]))
		}
	}
	r, err := s.run(ctx, "repair", s.scripts.repair, g, args...)
	if err != nil {
		return holds.Repaired{}, err
	}
	repaired, err := repairedOf(r)
	if err != nil {
		return holds.Repaired{}, fmt.Errorf("redis repair %s: %w", g.Key(), err)
	}
	return repaired, nil
}

var wantWords = map[seatstate.State]string{seatstate.Free: freeWord, seatstate.Held: "held", seatstate.Sold: "sold"}

// freeWord stands for a place without an entry.
const freeWord = "free"

func seenWord(e seatstate.Entry) string {
	if e.State == seatstate.Free {
		return freeWord
	}
	return e.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func repairedOf(r reply) (repaired holds.Repaired, err error) {
	repaired.At = r.at
	switch r.word {
	case "CHANGED":
		repaired.EpochChanged = true
		return repaired, nil
	case "OK":
		for i, list := range []*[]contracts.OrderID{&repaired.Done, &repaired.Skipped, &repaired.Displaced} {
			if *list, err = r.orders(i); err != nil {
				return holds.Repaired{}, err
			}
		}
		return repaired, nil
	default:
		return holds.Repaired{}, fmt.Errorf("unknown reply %q", r.word)
	}
}
