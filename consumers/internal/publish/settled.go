package publish

import (
	"context"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// count adds the orders that reached a settled status with these versions, which are done. It is a figure for operators: if it
// fails, the versions stay done, since their events would be sent again for a count.
func (p Publisher) count(ctx context.Context, done []streambatch.Record) {
	counts := map[contracts.Status]int{}
	for _, r := range done {
		if settledWith(r.Row) {
			counts[r.Row.Status]++
		}
	}
	if p.Settled == nil || len(counts) == 0 {
		return
	}
	if err := p.Settled.Add(ctx, counts, contracts.InstantOf(p.Now())); err != nil {
		p.Log.WarnContext(ctx, "settled orders not counted", telemetry.KeyError, err.Error(), telemetry.KeyCount, len(done))
	}
}

// settledWith says that an order reached a settled status with this version of its row. A later version of the row, as after a
// partial refund, is no transition.
func settledWith(row readmodel.Order) bool {
	if n := len(row.History); n > 0 && row.Status.Settled() {
		last := row.History[n-1]
		return last.Status == row.Status && last.Version == row.Version
	}
	return false
}
