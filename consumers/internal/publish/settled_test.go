package publish_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/publish"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// settled counts what publish adds.
type settled struct {
	calls  int
	counts map[contracts.Status]int
	err    error
}

func (s *settled) Add(_ context.Context, counts map[contracts.Status]int, _ contracts.Instant) error {
	s.calls++
	for status, n := range counts {
		s.counts[status] += n
	}
	return s.err
}

// version is a row at a version, whose last transition was at another.
func version(id contracts.OrderID, status contracts.Status, at, transition int) streambatch.Record {
	return streambatch.Record{SequenceNumber: string(id), Row: readmodel.Order{
		OrderID: id, Status: status, Version: at, History: []readmodel.HistoryEntry{{Status: status, Version: transition, At: 1}},
	}}
}

// Each order counts once, with the version by which it settled, in one call for the batch. What is redelivered is not counted yet.
func TestSettledOrdersAreCountedOnceABatch(t *testing.T) {
	batch := []streambatch.Record{
		version("a", contracts.Held, 1, 1), version("b", contracts.Confirmed, 4, 4), version("c", contracts.Confirmed, 5, 4),
		version("d", contracts.Expired, 3, 3), version("e", contracts.Confirmed, 4, 4), version("f", contracts.Rejected, 1, 1),
	}
	for _, c := range []struct {
		refuse int
		done   int
		err    error
		calls  int
		want   map[contracts.Status]int
	}{
		{-1, 6, nil, 1, map[contracts.Status]int{contracts.Confirmed: 2, contracts.Expired: 1, contracts.Rejected: 1}},
		{3, 3, nil, 1, map[contracts.Status]int{contracts.Confirmed: 1}},
		{1, 1, nil, 0, map[contracts.Status]int{}},
		{-1, 6, errors.New("throttled"), 1, map[contracts.Status]int{contracts.Confirmed: 2, contracts.Expired: 1, contracts.Rejected: 1}},
	} {
		counts := &settled{counts: map[contracts.Status]int{}, err: c.err}
		p := publish.Publisher{
			Bus: &bus{refuse: func(_, entry int) bool { return entry == c.refuse }}, Settled: counts, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		}
		// A count that fails does not keep events from being done: they would be sent again for a figure.
		done, err := p.Handle(t.Context(), batch)
		if done != c.done || (err != nil) != (c.done < 6) || counts.calls != c.calls || !maps.Equal(counts.counts, c.want) {
			t.Errorf("entry %d is refused: %d done, %v, %d calls, counts %v", c.refuse, done, err, counts.calls, counts.counts)
		}
	}
}
