package telemetry

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Namespace of every metric.
const Namespace = "Boxoffice"

// Metric is a name with its unit, so that all places that write it agree on the unit.
type Metric struct {
	Name string
	Unit string
}

// Metrics. Each has the dimension function; some have one more.
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
	// DependencyCall is the duration of each call of a consumer to a dependency, by dependency and result: ok, refused, conflict,
	// throttled, invalid, unknown, or open if a breaker prevented the call. Calls writes it.
	DependencyCall = Metric{"DependencyCall", "Milliseconds"}
	// WebhooksReceived counts webhooks by result: enqueued, none of ours, of the other mode, or the code of the refusal.
	WebhooksReceived = Metric{"WebhooksReceived", "Count"}
	// EventsOfOtherMode counts Stripe's events of test mode at a live endpoint, or of live mode at a test endpoint. An operator
	// must look at each.
	EventsOfOtherMode = Metric{"EventsOfOtherMode", "Count"}

	EventsPublished   = Metric{"EventsPublished", "Count"}
	RecordsPassedOver = Metric{"RecordsPassedOver", "Count"}
	// MirrorLag is the time from a transition of a row until Redis shows it. There is an alarm if its p99 is over MirrorLagLimit,
	// and one if mirror reads the stream later than MirrorStreamAgeLimit.
	MirrorLag = Metric{"MirrorLag", "Milliseconds"}
	// OrdersLeftToQueues counts orders whose seat group mirror could not reach in Redis. A MirrorOrder for each waits in the
	// queue of orders.
	OrdersLeftToQueues = Metric{"OrdersLeftToQueues", "Count"}
	// StepsLeftBehind counts messages for next steps that could not be sent in time after their decision. reconcile sends them.
	StepsLeftBehind = Metric{"StepsLeftBehind", "Count"}
	StepsRepeated   = Metric{"StepsRepeated", "Count"}
	EventsFetched   = Metric{"EventsFetched", "Count"}
	// LedgerDifferences counts differences found for the first time, LedgerDifferencesKnown those that were found again.
	LedgerDifferences      = Metric{"LedgerDifferences", "Count"}
	LedgerDifferencesKnown = Metric{"LedgerDifferencesKnown", "Count"}
	// ListsCutShort counts lists at Stripe that were not read to their end.
	ListsCutShort = Metric{"ListsCutShort", "Count"}
	// PaymentsRefused counts orders that ended because Stripe finally refused to open their payment.
	PaymentsRefused    = Metric{"PaymentsRefused", "Count"}
	DeadLettersDrained = Metric{"DeadLettersDrained", "Count"}
	// LettersNotKept counts dead letters that stay in their queue because they could not be stored. EventsRefused counts row
	// versions that the bus refuses; they are stored as dead letters. An operator must look at each of both.
	LettersNotKept = Metric{"LettersNotKept", "Count"}
	EventsRefused  = Metric{"EventsRefused", "Count"}
	// StreamFailures counts letters about stream records that an event source mapping gave up. reconcile stores them, and an
	// operator must look at each.
	StreamFailures = Metric{"StreamFailures", "Count"}
	// ReconcileLeft is the work that a run of reconcile leaves to later runs, by part.
	ReconcileLeft = Metric{"ReconcileLeft", "Count"}
	// OrdersRepaired counts orders whose places in Redis differed from rows and tickets and were corrected.
	OrdersRepaired = Metric{"OrdersRepaired", "Count"}
	// CallsPaced counts calls to the payment provider for which there was no token, by class. BucketsMissed counts calls for
	// which the shared bucket was unreachable.
	CallsPaced       = Metric{"CallsPaced", "Count"}
	BucketsMissed    = Metric{"BucketsMissed", "Count"}
	InvariantsBroken = Metric{"InvariantsBroken", "Count"}

	// FramesSent counts frames that were sent to connections; FrameLag is the time from a transition of a row until then.
	FramesSent = Metric{"FramesSent", "Count"}
	FrameLag   = Metric{"FrameLag", "Milliseconds"}
	// MailsSent counts mails by kind; MailLag is the time from a transition of a row until its mail was sent.
	MailsSent = Metric{"MailsSent", "Count"}
	MailLag   = Metric{"MailLag", "Milliseconds"}
	// MailsNotSent counts mails that were due and not sent, by kind and reason. MailsStopped counts accounts that get no more mails,
	// by reason: bounce or complaint.
	MailsNotSent = Metric{"MailsNotSent", "Count"}
	MailsStopped = Metric{"MailsStopped", "Count"}
)

// Limits of the alarms on mirror, which alone writes sales from the rows to Redis. An order can commit until 45 s after the end
// of its hold, and its hold lapses in Redis after 60 s. If a sale is mirrored later than that, its seat is offered to another
// buyer, who will lose it.
const (
	// MirrorLagLimit is for the p99 of MirrorLag.
	MirrorLagLimit = 2 * time.Second
	// MirrorStreamAgeLimit is for the age of the last record that mirror read: if mirror reads nothing, MirrorLag has no values.
	MirrorStreamAgeLimit = 10 * time.Second
)

// Dimension splits a metric by a value of low cardinality (a code, a status, a kind), never by an id.
type Dimension struct{ Name, Value string }

// Meter writes metrics in CloudWatch embedded metric format, one line of JSON each. It is safe for concurrent use.
type Meter struct {
	w        io.Writer
	function string
	now      func() time.Time

	mu sync.Mutex
}

// NewMeter returns a Meter that writes to w under the function's name. On Lambda w is the standard output, which becomes
// CloudWatch Logs.
func NewMeter(w io.Writer, function string, now func() time.Time) *Meter {
	return &Meter{w: w, function: function, now: now}
}

// Put writes one value. It ignores a failed write: a metric must not fail the work that it measures. A nil Meter drops all.
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

// head is the part of a line that declares its metrics. It is a struct because a map is slower to encode, and each order writes
// two lines.
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

// appendMember adds a member to an object. It returns nil for a number that JSON cannot express, such as NaN.
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
