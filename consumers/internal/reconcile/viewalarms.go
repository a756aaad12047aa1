package reconcile

import (
	"cmp"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
)

// failuresWithin is the time of the alarm reconcile-fails.
const failuresWithin = 5 * time.Minute

// overview returns the overview without orders and concerts.
func (f *facts) overview(t topology.Topology) readmodel.Overview {
	o := readmodel.Overview{
		Item: readmodel.OverviewItem, Form: readmodel.OverviewForm, At: f.at, Queues: f.queues(t),
		Breakers: f.breakers[:min(len(f.breakers), readmodel.MaxBreakers)], MoreLetters: f.moreLetters, FailedRuns: f.failedRuns(),
	}
	since := map[string]contracts.Instant{}
	if f.before.Overview != nil {
		for _, raised := range f.before.Overview.Alarms {
			since[raised.Name] = raised.Since
		}
	}
	values := f.values(o)
	for _, alarm := range t.Alarms {
		value, known := values[alarm.Name]
		threshold := t.Threshold(alarm)
		switch {
		case !known:
			o.Unchecked = append(o.Unchecked, alarm.Name)
		case !alarm.Below && value > threshold, alarm.Below && value < threshold:
			o.Alarms = append(o.Alarms, readmodel.RaisedAlarm{Name: alarm.Name, Since: cmp.Or(since[alarm.Name], f.at), Value: value})
		}
	}
	o.Alarms = o.Alarms[:min(len(o.Alarms), readmodel.MaxAlarms)]
	o.Unchecked = o.Unchecked[:min(len(o.Unchecked), readmodel.MaxAlarms)]
	return o
}

// failedRuns returns the runs of the last minutes that failed, with this one if it has.
func (f *facts) failedRuns() (failed []contracts.Instant) {
	if f.before.Overview != nil {
		failed = slices.DeleteFunc(slices.Clone(f.before.Overview.FailedRuns), func(at contracts.Instant) bool {
			return f.at.Sub(at) >= failuresWithin
		})
	}
	if f.failed {
		failed = append(failed, f.at)
	}
	return failed
}

// values returns the value of each alarm that a run can check, in the unit of its metric. Alarms about other functions are not among
// them: only CloudWatch has their metrics.
func (f *facts) values(o readmodel.Overview) map[string]float64 {
	r := f.report
	values := map[string]float64{
		"messages-poisoned": float64(r.poisoned),
		"dead-letters":      float64(r.DeadLetters),
		"letters-not-kept":  float64(r.Left.Letters),
		"stream-failures":   float64(r.StreamFailures),
		"invariants-broken": float64(r.broken),
		"breaker-open":      float64(len(f.breakers)),
		"reconcile-fails":   float64(len(o.FailedRuns)),
	}
	if !f.missing[readmodel.PartLetters] {
		values["events-refused"] = float64(f.newer(f.letters, readmodel.SourceEvents))
		values["ledger-differences"] = float64(f.newer(f.differences, readmodel.ListDifferences))
	}
	for _, q := range o.Queues {
		if q.Visible == nil {
			continue
		}
		waits := func(alarm string, unit time.Duration) {
			if q.LagMs != nil {
				values[alarm] = float64(time.Duration(*q.LagMs)*time.Millisecond) / float64(unit)
			}
		}
		switch q.Name {
		case queueOrders:
			waits("orders-wait", time.Millisecond)
			if !f.missing[readmodel.PartLags] {
				values["orders-stand-still"] = f.at.Sub(standsSince(q, f.at)).Seconds()
			}
		case queuePayments:
			waits("payments-wait", time.Second)
		case queueExpiries:
			waits("expiries-wait", time.Second)
		case queueAuthorizations:
			waits("authorizations-wait", time.Second)
		}
	}
	return values
}

// newer counts the rows of a source that were listed since the last overview, or in the last minute if there is none.
func (f *facts) newer(keys []readmodel.LetterKey, source string) (n int) {
	from := f.at.Add(-time.Minute)
	if f.before.Overview != nil {
		from = f.before.Overview.At
	}
	for _, key := range keys {
		if at, of, ok := key.Source(); ok && of == source && at >= from {
			n++
		}
	}
	return n
}
