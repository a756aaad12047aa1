package redishold

import (
	"context"
	_ "embed" // hold.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts/seatstate"
)

//go:embed hold.lua
var holdBody string

// Hold decides the orders of a run one after another, each as if it came alone, and returns an Answer for each, in their
// order. A repeat gets the same holds. Errors are those of Store.
func (s *Store) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	if err := run.Validate(); err != nil {
		return nil, invalid(err)
	}
	args := make([]any, 0, 3+3*len(run.Asks))
	args = append(args, s.o.HoldFor.Milliseconds(), s.o.LapseAfter.Milliseconds(), int64(run.SentAt))
	for _, ask := range run.Asks {
		args = append(args, string(ask.Order), ask.Hash, joined(ask.Places))
	}
	r, err := s.run(ctx, "hold", s.scripts.hold, g, args...)
	if err != nil {
		return nil, err
	}
	answers := make([]holds.Answer, len(run.Asks))
	for i := range answers {
		if answers[i], err = holdAnswer(r, answerParts*i); err != nil {
			return nil, fmt.Errorf("redis hold %s: %w", g.Key(), err)
		}
	}
	return answers, nil
}

// answerParts is the number of parts of the script's result for each order.
const answerParts = 4

func holdAnswer(r reply, at int) (holds.Answer, error) {
	word, err := r.text(at)
	if err != nil {
		return holds.Answer{}, err
	}
	answer := holds.Answer{Outcome: holds.Outcome(word), At: r.at}
	switch answer.Outcome {
	case holds.Held:
		if answer.HeldAt, err = r.instant(at + 1); err != nil {
			return holds.Answer{}, err
		}
		if answer.ExpiresAt, err = r.instant(at + 2); err != nil {
			return holds.Answer{}, err
		}
		answer.Places, err = r.places(at + 3)
	case holds.Taken:
		answer.Places, err = r.places(at + 3)
	case holds.Forwarded:
		var to string
		if to, err = r.text(at + 3); err == nil {
			answer.To, err = holds.ParseForwarding(to)
		}
	case holds.Gone, holds.Other, holds.Again, holds.Unknown:
	default:
		err = fmt.Errorf("unknown reply %q", word)
	}
	if err != nil {
		return holds.Answer{}, err
	}
	return answer, nil
}
