package redishold

import (
	"context"
	_ "embed" // hold.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
)

//go:embed hold.lua
var holdBody string

// Hold takes all places of the ask for its order, or none, and says so by the Outcome. The same order again gets the
// same hold. holds.ErrNotLoaded: the group is to be rebuilt. holds.ErrInvalid: no attempt can succeed. After any other
// error the result is unknown; asking again finds it.
func (s *Store) Hold(ctx context.Context, g contracts.SeatGroup, ask holds.Ask) (holds.Answer, error) {
	if err := ask.Validate(); err != nil {
		return holds.Answer{}, invalid(err)
	}
	r, err := s.run(ctx, "hold", s.scripts.hold, g,
		string(ask.Order), ask.Hash, s.o.HoldFor.Milliseconds(), s.o.LapseAfter.Milliseconds(), joined(ask.Places))
	if err != nil {
		return holds.Answer{}, err
	}
	answer, err := holdAnswer(r)
	if err != nil {
		return holds.Answer{}, fmt.Errorf("redis hold %s: %w", g.Key(), err)
	}
	return answer, nil
}

func holdAnswer(r reply) (holds.Answer, error) {
	answer := holds.Answer{Outcome: holds.Outcome(r.word), At: r.at}
	var err error
	switch answer.Outcome {
	case holds.Held:
		if answer.HeldAt, err = r.instant(0); err != nil {
			return holds.Answer{}, err
		}
		if answer.ExpiresAt, err = r.instant(1); err != nil {
			return holds.Answer{}, err
		}
		answer.Places, err = r.places(2)
	case holds.Taken:
		answer.Places, err = r.places(0)
	case holds.Gone, holds.Other:
	default:
		err = fmt.Errorf("unknown answer %q", r.word)
	}
	if err != nil {
		return holds.Answer{}, err
	}
	return answer, nil
}
