package reconcile

import (
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
)

// maxPoints is how many points a history has, one a minute.
const maxPoints = int(readmodel.HistoryKept / time.Minute)

// Queues whose handlers leave a lag in Redis.
const (
	queueOrders         = "orders"
	queuePayments       = "payments"
	queueExpiries       = "expiries"
	queueAuthorizations = "authorizations"
)

// queues returns the state of every queue of the topology.
func (f *facts) queues(t topology.Topology) []readmodel.QueueState {
	kept := map[string]int{}
	for _, key := range f.letters {
		if _, source, ok := key.Source(); ok {
			kept[source]++
		}
	}
	before := map[string][]readmodel.QueuePoint{}
	if f.before.Overview != nil {
		for _, q := range f.before.Overview.Queues {
			before[q.Name] = q.History
		}
	}
	states := make([]readmodel.QueueState, 0, len(t.Queues))
	for _, q := range t.Queues {
		state := readmodel.QueueState{Name: q.Name, LagMs: f.lagOf(q.Name), DeadLetters: f.deadLetters(t, q, kept)}
		if depth, known := f.depths[q.Name]; known {
			state.Visible, state.InFlight, state.Delayed = &depth.Visible, &depth.InFlight, &depth.Delayed
		}
		state.History = f.history(before[q.Name], state)
		states = append(states, state)
	}
	return states
}

// lagOf returns how long the last handled message of a queue had waited. SQS does not say how old its oldest message is: CloudWatch
// does, minutes later. So it is known where a handler leaves it in Redis, and for a queue in which no message waits.
func (f *facts) lagOf(queue string) *int64 {
	switch {
	case queue == queueOrders && f.decisions != nil:
		return milliseconds(*f.decisions)
	case queue == queuePayments && f.payments != nil:
		return milliseconds(*f.payments)
	case f.empty(queue):
		return milliseconds(0)
	default:
		return nil
	}
}

// empty says that no message of the queue waits or is being handled.
func (f *facts) empty(queue string) bool {
	depth, known := f.depths[queue]
	return known && depth.Visible == 0 && depth.InFlight == 0
}

// deadLetters returns the letters of a queue: those that wait in its dead-letter queue, and those that are kept. The queue of letters
// about streams has its own. nil is not known, or a queue that has no letters of its own.
func (f *facts) deadLetters(t topology.Topology, q topology.Queue, kept map[string]int) *int {
	source := q.DeadLetterQueue
	for _, function := range t.Functions {
		if function.Stream != nil && function.Stream.OnFailure == q.Name {
			source = q.Name
		}
	}
	depth, known := f.depths[source]
	if source == "" || !known || f.missing[readmodel.PartLetters] {
		return nil
	}
	n := depth.Visible + depth.InFlight + kept[source]
	return &n
}

// history returns the points of the last minutes with the present one, which takes the place of one of the same minute.
func (f *facts) history(before []readmodel.QueuePoint, now readmodel.QueueState) []readmodel.QueuePoint {
	minuteOf := func(at contracts.Instant) int64 { return int64(at) / time.Minute.Milliseconds() }
	points := []readmodel.QueuePoint{}
	for _, point := range before {
		if age := f.at.Sub(point.At); age >= 0 && age < readmodel.HistoryKept && minuteOf(point.At) != minuteOf(f.at) {
			points = append(points, point)
		}
	}
	if now.Visible != nil {
		points = append(points, readmodel.QueuePoint{At: f.at, Visible: *now.Visible, LagMs: now.LagMs})
	}
	return points[max(0, len(points)-maxPoints):]
}

// standsSince returns since when messages of a queue wait and no lag is known: at every look there was a message, and no handler had
// decided one in the seconds before. It is now if there is no such time.
func standsSince(q readmodel.QueueState, now contracts.Instant) contracts.Instant {
	since := now
	for i := len(q.History) - 1; i >= 0 && q.History[i].Visible > 0 && q.History[i].LagMs == nil; i-- {
		since = q.History[i].At
	}
	return since
}
