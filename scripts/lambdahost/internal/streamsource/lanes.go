package streamsource

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// laneReads is how many reads of a shard wait for a lane at most. A lane that stands still holds up the others only after that.
const laneReads = 64

// lanes are the concurrent batches of a shard.
type lanes struct {
	source  *Source
	all     []*lane
	running sync.WaitGroup
}

// lane is one batch of a shard at a time, with the records that wait for it.
type lane struct {
	source *Source
	shard  string
	in     chan arrivals
	// waiting came with earlier reads and were too many for their batch.
	waiting []arrivals
	closed  bool
}

// arrivals are the records of one read, and when it was.
type arrivals struct {
	records []types.Record
	at      time.Time
}

func (s *Source) newLanes(ctx context.Context, shard string) *lanes {
	l := &lanes{source: s}
	for range s.options.ParallelizationFactor {
		one := &lane{source: s, shard: shard, in: make(chan arrivals, laneReads)}
		l.all = append(l.all, one)
		l.running.Go(func() { one.run(ctx) })
	}
	return l
}

// put gives each record to its lane. It waits for a lane that is full, and is false when ctx ended before all were given.
func (l *lanes) put(ctx context.Context, records []types.Record) bool {
	now := time.Now()
	split := make([][]types.Record, len(l.all))
	for _, r := range records {
		i := l.source.laneOf(r)
		split[i] = append(split[i], r)
	}
	for i, some := range split {
		if len(some) == 0 {
			continue
		}
		select {
		case l.all[i].in <- arrivals{some, now}:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// finish says that nothing more comes, and returns when the lanes have ended.
func (l *lanes) finish() {
	for _, one := range l.all {
		close(one.in)
	}
	l.running.Wait()
}

// laneOf is the lane of an item's records, by the hash of its partition key.
func (s *Source) laneOf(r types.Record) int {
	if s.options.ParallelizationFactor == 1 || r.Dynamodb == nil {
		return 0
	}
	h := fnv.New32a()
	// A hash takes everything.
	switch key := r.Dynamodb.Keys[s.partitionKey].(type) {
	case *types.AttributeValueMemberS:
		_, _ = h.Write([]byte(key.Value))
	case *types.AttributeValueMemberN:
		_, _ = h.Write([]byte(key.Value))
	case *types.AttributeValueMemberB:
		_, _ = h.Write(key.Value)
	}
	return int(h.Sum32() % uint32(s.options.ParallelizationFactor)) //nolint:gosec // at most 10
}

// run delivers batch after batch until the shard ends or ctx does.
func (l *lane) run(ctx context.Context) {
	for {
		batch := l.next(ctx)
		if len(batch) == 0 || !l.source.deliver(ctx, l.shard, batch) {
			return
		}
	}
}

// next gathers a batch, until it is full, the window is over since its first record was read, or the shard ends. It is empty when
// the shard has ended or ctx has.
func (l *lane) next(ctx context.Context) []types.Record {
	if !l.more(ctx, nil) {
		return nil
	}
	size := l.source.options.BatchSize
	window := time.NewTimer(time.Until(l.waiting[0].at.Add(l.source.options.Window)))
	defer window.Stop()
	for l.count() < size && l.more(ctx, window.C) {
	}
	var batch []types.Record
	for len(l.waiting) > 0 && len(batch) < size {
		n := min(size-len(batch), len(l.waiting[0].records))
		batch = append(batch, l.waiting[0].records[:n]...)
		if l.waiting[0].records = l.waiting[0].records[n:]; len(l.waiting[0].records) == 0 {
			l.waiting = l.waiting[1:]
		}
	}
	return batch
}

func (l *lane) count() (n int) {
	for _, a := range l.waiting {
		n += len(a.records)
	}
	return n
}

// more takes the records of one more read. Without an end it returns at once if there are some already. It is false when there are
// no more: end has come and nothing is there, the shard has ended, or ctx has.
func (l *lane) more(ctx context.Context, end <-chan time.Time) bool {
	if end == nil && len(l.waiting) > 0 {
		return ctx.Err() == nil
	}
	if l.closed {
		return false
	}
	take := func(a arrivals, open bool) bool {
		if l.closed = !open; open {
			l.waiting = append(l.waiting, a)
		}
		return open
	}
	// What is there already belongs to the batch, also when its window is over.
	select {
	case a, open := <-l.in:
		return take(a, open)
	default:
	}
	select {
	case a, open := <-l.in:
		return take(a, open)
	case <-end:
		return false
	case <-ctx.Done():
		return false
	}
}
