package streamsource

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// laneReads is how many reads of a shard may wait for one lane. After that a blocked lane blocks the others too.
const laneReads = 64

// lanes deliver the batches of one shard concurrently.
type lanes struct {
	source  *Source
	all     []*lane
	running sync.WaitGroup
}

// lane delivers one batch of a shard at a time, and holds the records that wait for it.
type lane struct {
	source *Source
	shard  string
	in     chan arrivals
	// waiting holds records of earlier reads that did not fit into their batch.
	waiting []arrivals
	closed  bool
}

// arrivals are the records of one read, with its time.
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

// put gives each record to its lane. It blocks while a lane is full, and returns false if ctx ended before all were given.
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

// finish closes the lanes' input, and returns when the lanes have ended.
func (l *lanes) finish() {
	for _, one := range l.all {
		close(one.in)
	}
	l.running.Wait()
}

// laneOf returns the lane of an item's records, by the hash of its partition key.
func (s *Source) laneOf(r types.Record) int {
	if s.options.ParallelizationFactor == 1 || r.Dynamodb == nil {
		return 0
	}
	h := fnv.New32a()
	// Writing to a hash cannot fail.
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

// run delivers one batch after the other until the shard or ctx ends.
func (l *lane) run(ctx context.Context) {
	for {
		batch := l.next(ctx)
		if len(batch) == 0 || !l.source.deliver(ctx, l.shard, batch) {
			return
		}
	}
}

// next gathers a batch until it is full, the window since its first record was read has expired, or the shard ends. It returns
// nil when the shard or ctx has ended.
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

// more appends the records of one more read to waiting. With a nil end it returns at once if waiting has some already. It returns
// false if none can come: end fired before a read, the shard has ended, or ctx has ended.
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
	// A read that has already arrived belongs to the batch, even if the window has expired.
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
