package redishold

import (
	"context"
	_ "embed" // forward.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

//go:embed forward.lua
var forwardBody string

// Forward records that an order was sent on to another group, and returns Forwarded with the group that it was sent to
// first. For an order that holds something here it returns Held, and Gone and Other are as for Hold; then nothing is
// written. With holds.Nowhere nothing is ever written, and the answer for an order without a record is Unknown. Errors are
// those of Store.
func (s *Store) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	if err := holds.ValidForwarding(id, hash, to); err != nil {
		return holds.Answer{}, invalid(err)
	}
	where := to.String()
	if to == holds.Nowhere {
		where = "nowhere"
	}
	r, err := s.run(ctx, "forward", s.scripts.forward, g, string(id), hash, where)
	if err != nil {
		return holds.Answer{}, err
	}
	answer, err := holdAnswer(r, 0)
	if err != nil {
		return holds.Answer{}, fmt.Errorf("redis forward %s: %w", g.Key(), err)
	}
	return answer, nil
}
