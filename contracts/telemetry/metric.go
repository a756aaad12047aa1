package telemetry

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Namespace of every metric.
const Namespace = "Boxoffice"

// Metric is a name with its unit, so that no two places disagree on it.
type Metric struct {
	Name string
	Unit string
}

// Metrics that are written today. Dimensions are the function and, where one is given, one more.
var (
	OrdersAccepted   = Metric{"OrdersAccepted", "Count"}
	OrdersRefused    = Metric{"OrdersRefused", "Count"}
	OrdersDecided    = Metric{"OrdersDecided", "Count"}
	DecisionLag      = Metric{"DecisionLag", "Milliseconds"}
	HoldsExpired     = Metric{"HoldsExpired", "Count"}
	OrdersCommitted  = Metric{"OrdersCommitted", "Count"}
	OrdersConfirmed  = Metric{"OrdersConfirmed", "Count"}
	OrdersRevoked    = Metric{"OrdersRevoked", "Count"}
	GroupsLoaded     = Metric{"GroupsLoaded", "Count"}
	MessagesReturned = Metric{"MessagesReturned", "Count"}
	MessagesPoisoned = Metric{"MessagesPoisoned", "Count"}
	BreakerOpened    = Metric{"BreakerOpened", "Count"}
	// DependencyCall is each call of a consumer to a dependency, split by the dependency and by what the call came to: ok,
	// refused, conflict, throttled, invalid, unknown, or open where a breaker kept it from being made. Calls writes it.
	DependencyCall = Metric{"DependencyCall", "Milliseconds"}
	// WebhooksReceived are split by what became of them: enqueued, none of ours, of the other mode, or the code of the refusal.
	WebhooksReceived = Metric{"WebhooksReceived", "Count"}
	// EventsOfOtherMode are Stripe's events of test mode at a live endpoint, or the other way round. Any needs somebody to look.
	EventsOfOtherMode = Metric{"EventsOfOtherMode", "Count"}

	EventsPublished   = Metric{"EventsPublished", "Count"}
	RecordsPassedOver = Metric{"RecordsPassedOver", "Count"}
	// MirrorLag is the time from a version of a row that has an entry in its history until Redis shows it. Its alarm is a p99
	// over MirrorLagLimit, or a stream that mirror reads later than MirrorStreamAgeLimit.
	MirrorLag = Metric{"MirrorLag", "Milliseconds"}
	// OrdersLeftToQueues are orders whose group mirror could not reach: they wait as MirrorOrder in their groups' queue.
	OrdersLeftToQueues = Metric{"OrdersLeftToQueues", "Count"}
	// StepsLeftBehind are steps that could not be sent for a while after their decision: reconcile sends them.
	StepsLeftBehind = Metric{"StepsLeftBehind", "Count"}
	StepsRepeated   = Metric{"StepsRepeated", "Count"}
	EventsFetched   = Metric{"EventsFetched", "Count"}
	// LedgerDifferences are those found for the first time, LedgerDifferencesKnown those that a later look found again.
	LedgerDifferences      = Metric{"LedgerDifferences", "Count"}
	LedgerDifferencesKnown = Metric{"LedgerDifferencesKnown", "Count"}
	// ListsCutShort are lists at Stripe that were not read to their end.
	ListsCutShort = Metric{"ListsCutShort", "Count"}
	// PaymentsRefused are orders that ended because Stripe refuses for good to open their payment.
	PaymentsRefused    = Metric{"PaymentsRefused", "Count"}
	DeadLettersDrained = Metric{"DeadLettersDrained", "Count"}
	// LettersNotKept are dead letters that stay in their queue because they cannot be kept; EventsRefused are row versions that
	// the bus will not take, which are kept as letters. Any of either needs somebody to look.
	LettersNotKept = Metric{"LettersNotKept", "Count"}
	EventsRefused  = Metric{"EventsRefused", "Count"}
	// StreamFailures are letters about records of a stream that a mapping gave up: reconcile keeps them. Any needs somebody to
	// look.
	StreamFailures = Metric{"StreamFailures", "Count"}
	// ReconcileLeft is what a run of reconcile leaves to the next ones, by its part.
	ReconcileLeft = Metric{"ReconcileLeft", "Count"}
	// OrdersRepaired are orders whose places in Redis were not what rows and tickets said, and now are.
	OrdersRepaired = Metric{"OrdersRepaired", "Count"}
	// CallsPaced are calls to the payment provider that had no token, by class; BucketsMissed those for which the shared bucket
	// could not be asked.
	CallsPaced       = Metric{"CallsPaced", "Count"}
	BucketsMissed    = Metric{"BucketsMissed", "Count"}
	InvariantsBroken = Metric{"InvariantsBroken", "Count"}
)

// Limits of alarms on mirror, which is the only road from a row to Redis for what was sold. An order may commit until 45 s
// after the end of its hold, and its hold lapses in Redis at 60 s: a sale that is mirrored later than that finds its seat
// offered again, to a buyer who will lose it for certain.
const (
	// MirrorLagLimit is for the p99 of MirrorLag.
	MirrorLagLimit = 2 * time.Second
	// MirrorStreamAgeLimit is for the age of the last record that mirror read: a stream that stands still has no lag to show.
	MirrorStreamAgeLimit = 10 * time.Second
)

// Dimension splits a metric by a low-cardinality value (a code, a status, a kind), never by an id.
type Dimension struct{ Name, Value string }

// Meter writes metrics in CloudWatch embedded metric format, one line of JSON each. It is safe for concurrent use.
type Meter struct {
	w        io.Writer
	function string
	now      func() time.Time

	mu sync.Mutex
}

// NewMeter writes to w (standard output on Lambda, which becomes CloudWatch Logs) under the function's name.
func NewMeter(w io.Writer, function string, now func() time.Time) *Meter {
	return &Meter{w: w, function: function, now: now}
}

// Put writes one value. A failed write is dropped: a metric never fails the work it measures. A nil Meter drops all.
func (m *Meter) Put(metric Metric, value float64, dimensions ...Dimension) {
	if m == nil {
		return
	}
	names := make([]string, 1, 1+len(dimensions))
	names[0] = KeyFunction
	for _, d := range dimensions {
		names = append(names, d.Name)
	}
	line, err := json.Marshal(head{declaration{m.now().UnixMilli(), []directive{{
		Namespace: Namespace, Dimensions: [][]string{names}, Metrics: []unit{{metric.Name, metric.Unit}},
	}}}})
	if err != nil {
		return
	}
	if line = appendMember(line, metric.Name, value); line == nil {
		return
	}
	line = appendMember(line, KeyFunction, m.function)
	for _, d := range dimensions {
		line = appendMember(line, d.Name, d.Value)
	}
	m.write(append(line, '\n'))
}

// write writes a line with its end.
func (m *Meter) write(line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.w.Write(line)
}

// head is the part of a line that says what its members are. It is no map, since each order writes two lines.
type head struct {
	AWS declaration `json:"_aws"`
}

type declaration struct {
	Timestamp         int64
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []unit
}

type unit struct{ Name, Unit string }

// appendMember adds a member to an object, or answers nil for a number that JSON does not have. Every string has a form.
func appendMember[V string | float64](object []byte, name string, value V) []byte {
	key, err := json.Marshal(name)
	if err != nil {
		return nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	object = append(object[:len(object)-1], ',')
	object = append(append(object, key...), ':')
	return append(append(object, encoded...), '}')
}
