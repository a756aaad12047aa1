package readmodel

import (
	"time"

	"boxoffice/contracts"
)

// The table overview has what operators see. reconcile writes it once a minute: the Overview, a ConcertSeats for each concert, and
// the Sales. publish counts in SettledOrders.

// OverviewItem and SettledItem are the keys of Overview and SettledOrders.
const (
	OverviewItem = "overview"
	SettledItem  = "settled"
)

// ConcertItem is the key of the ConcertSeats of a concert.
func ConcertItem(concertID string) string { return "concert#" + concertID }

// OverviewForm is the form of the items that this program writes. A program that finds a higher number cannot read the item.
const OverviewForm = 1

// Bounds of the overview, so that each item fits into the 400 KB that DynamoDB takes. What is beyond a bound is counted, never
// left out in silence.
const (
	// MaxOverviewConcerts bounds the concerts of the Overview.
	MaxOverviewConcerts = 200
	// MaxConcertGroups bounds the groups of a ConcertSeats.
	MaxConcertGroups = 1500
	// MaxSalesConcerts bounds the concerts of Sales.
	MaxSalesConcerts = 2000
	// MaxAlarms and MaxBreakers bound the alarms and breakers of the Overview.
	MaxAlarms   = 100
	MaxBreakers = 50
	// MaxLettersCounted bounds the letters that are counted for QueueState.DeadLetters, the newest first.
	MaxLettersCounted = 1000
)

// HistoryKept is how far back the history of a queue goes. It has one point a minute.
const HistoryKept = 15 * time.Minute

// MaxOverviewAge bounds the age of an overview that counts as the present. It is made once a minute.
const MaxOverviewAge = 3 * time.Minute

// ConcertSeatsKept is how long the ConcertSeats of a concert stays after its last change.
const ConcertSeatsKept = 24 * time.Hour

// Parts of an overview that a run may fail to read (Overview.Missing).
const (
	PartQueues  = "queues"
	PartLags    = "lags"
	PartLetters = "letters"
	PartOrders  = "orders"
	PartSettled = "settled"
	PartSeats   = "seats"
)

// Overview is what the last run of reconcile knew.
type Overview struct {
	// Item is the key, OverviewItem.
	Item string `dynamodbav:"item"`
	Form int    `dynamodbav:"form"`
	// At is when the run read the queues.
	At contracts.Instant `dynamodbav:"at"`
	// Missing are the parts that the run could not read. Their figures are absent, or older than At.
	Missing []string     `dynamodbav:"missing,omitempty"`
	Queues  []QueueState `dynamodbav:"queues"`
	Orders  OrderCounts  `dynamodbav:"orders"`
	// Concerts are those whose sale is near, open or just over, the latest sale first. LeftOut counts those that are not in the
	// list: they are beyond MaxOverviewConcerts, or no run has looked at them yet.
	Concerts []ConcertTotals `dynamodbav:"concerts"`
	LeftOut  int             `dynamodbav:"leftOut"`
	// Breakers are open in the process of reconcile, which cannot see those of other processes.
	Breakers []OpenBreaker `dynamodbav:"breakers,omitempty"`
	// Alarms are those of the topology that the run found raised. Unchecked are those that need facts which reconcile does not have.
	Alarms    []RaisedAlarm `dynamodbav:"alarms,omitempty"`
	Unchecked []string      `dynamodbav:"unchecked,omitempty"`
	// MoreLetters says that there are over MaxLettersCounted letters, so that QueueState.DeadLetters are lower bounds.
	MoreLetters bool `dynamodbav:"moreLetters,omitempty"`
	// FailedRuns are the runs of the last minutes that ended with an error.
	FailedRuns []contracts.Instant `dynamodbav:"failedRuns,omitempty"`
}

// QueueState is a queue of the topology. A figure that is not known is nil.
type QueueState struct {
	Name string `dynamodbav:"name"`
	// Visible, InFlight and Delayed are SQS's approximate numbers of messages that wait, that a handler has, and whose delay has not
	// ended.
	Visible  *int `dynamodbav:"visible,omitempty"`
	InFlight *int `dynamodbav:"inFlight,omitempty"`
	Delayed  *int `dynamodbav:"delayed,omitempty"`
	// LagMs is how long the last handled message had waited. It is 0 for a queue without messages.
	LagMs *int64 `dynamodbav:"lagMs,omitempty"`
	// DeadLetters are the letters of the queue: those in its dead-letter queue and those that are kept in the table deadletters. nil
	// for a queue without a dead-letter queue.
	DeadLetters *int         `dynamodbav:"deadLetters,omitempty"`
	History     []QueuePoint `dynamodbav:"history,omitempty"`
}

// QueuePoint is what a queue was in a minute, the oldest first in a history.
type QueuePoint struct {
	At      contracts.Instant `dynamodbav:"at"`
	Visible int               `dynamodbav:"visible"`
	LagMs   *int64            `dynamodbav:"lagMs,omitempty"`
}

// OrderCounts is how many orders have a status.
type OrderCounts struct {
	// Open has the orders with a next step, of each such status: a count of the index "open", which is a second old at most. OpenAt is
	// when the count began, 0 if no run of the process has read the whole index yet.
	Open   map[contracts.Status]int `dynamodbav:"open,omitempty"`
	OpenAt contracts.Instant        `dynamodbav:"openAt,omitempty"`
	// Settled has, for each settled status, the orders that reached it since SettledSince (SettledOrders).
	Settled      map[contracts.Status]int `dynamodbav:"settled,omitempty"`
	SettledSince contracts.Instant        `dynamodbav:"settledSince,omitempty"`
}

// SettledOrders counts the orders that reached a settled status since Since. publish adds to it once for each batch of row versions,
// after their events. It never repeats that call: an invocation that ends between the call and its response counts its orders twice,
// and one whose call fails does not count them. So it shows the course of sales; rows and tickets say what is true.
type SettledOrders struct {
	// Item is the key, SettledItem.
	Item  string            `dynamodbav:"item"`
	Since contracts.Instant `dynamodbav:"since"`
	// Each attribute has the name of its status, so that one call can add to several.
	Confirmed int `dynamodbav:"CONFIRMED,omitempty"`
	Rejected  int `dynamodbav:"REJECTED,omitempty"`
	Expired   int `dynamodbav:"EXPIRED,omitempty"`
	Cancelled int `dynamodbav:"CANCELLED,omitempty"`
	Revoked   int `dynamodbav:"REVOKED,omitempty"`
	Refunded  int `dynamodbav:"REFUNDED,omitempty"`
}

// ByStatus returns the count of each settled status.
func (s SettledOrders) ByStatus() map[contracts.Status]int {
	return map[contracts.Status]int{
		contracts.Confirmed: s.Confirmed, contracts.Rejected: s.Rejected, contracts.Expired: s.Expired,
		contracts.Cancelled: s.Cancelled, contracts.Revoked: s.Revoked, contracts.Refunded: s.Refunded,
	}
}

// ConcertTotals is a concert in the Overview. Free, Held and Sold are the seats of its Known groups.
type ConcertTotals struct {
	ConcertID string    `dynamodbav:"concertId"`
	Sale      SaleState `dynamodbav:"sale"`
	// At is when the first of the known groups was read; 0 if none is known.
	At contracts.Instant `dynamodbav:"at,omitempty"`
	// Groups is how many seat groups the concert has, Known how many of them are counted.
	Groups int `dynamodbav:"groups"`
	Known  int `dynamodbav:"known"`
	Free   int `dynamodbav:"free"`
	Held   int `dynamodbav:"held"`
	Sold   int `dynamodbav:"sold"`
}

// ConcertSeats is the item of a concert: its groups, as they were last read.
type ConcertSeats struct {
	// Item is the key, ConcertItem.
	Item          string       `dynamodbav:"item"`
	Form          int          `dynamodbav:"form"`
	ConcertID     string       `dynamodbav:"concertId"`
	LayoutVersion int          `dynamodbav:"layoutVersion"`
	Groups        []GroupSeats `dynamodbav:"groups"`
	// ExpiresAt, in seconds since 1970, is when DynamoDB may delete the item.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`
}

// GroupState says whether a group is in Redis.
type GroupState string

// States of a group. The seats of a group that is loading are not known.
const (
	GroupReady   GroupState = "ready"
	GroupLoading GroupState = "loading"
)

// GroupSeats is a seat group at one instant.
type GroupSeats struct {
	Group   string `dynamodbav:"group"`
	Section string `dynamodbav:"section"`
	// Tier is the id of the group's tier; empty if the layout was stored without it and the concert has two tiers of its price.
	Tier  string            `dynamodbav:"tier,omitempty"`
	At    contracts.Instant `dynamodbav:"at"`
	State GroupState        `dynamodbav:"state"`
	Free  int               `dynamodbav:"free"`
	Held  int               `dynamodbav:"held"`
	Sold  int               `dynamodbav:"sold"`
	// LagMs is how late the last decision of the group was, nil if there was none in the last seconds before At.
	LagMs *int64 `dynamodbav:"lagMs,omitempty"`
}

// OpenBreaker is a dependency that a process does not call at the moment.
type OpenBreaker struct {
	Name  string            `dynamodbav:"name"`
	Since contracts.Instant `dynamodbav:"since"`
}

// RaisedAlarm is an alarm of the topology whose threshold is passed. Since is the first of the successive runs that found it so.
type RaisedAlarm struct {
	Name  string            `dynamodbav:"name"`
	Since contracts.Instant `dynamodbav:"since"`
	Value float64           `dynamodbav:"value"`
}
