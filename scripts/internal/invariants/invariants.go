// Package invariants checks what must hold for a whole deployment: for its rows, its state in Redis, its events, its letters and
// its payments. It is pure and works on a Snapshot. The rules of Always hold at any instant. Those of AtRest hold when no message
// is under way, and those of Ended when also every hold has ended.
//
// The rules are promises of the product: one owner a seat, counted allowances, every version published, an end for every accepted
// order. README.md lists which promises are checked here and which elsewhere.
package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Snapshot is the state of a deployment. Some fields may be nil because they were not read, as their comments say; any other nil
// is empty.
type Snapshot struct {
	// At is the instant at which Redis and the rows are compared.
	At         contracts.Instant
	Orders     []readmodel.Order
	Tickets    []readmodel.Ticket
	Allowances []readmodel.Allowance
	// DeadLetters are the rows of attempts, of drained messages and of stream records that were given up. Dead is the number of
	// messages in dead-letter queues and of letters about streams that are not drained.
	DeadLetters []readmodel.DeadLetter
	Dead        int
	// Groups are the loaded seat groups as producers see them, NotLoaded those on sale that are not loaded.
	Groups    []Group
	NotLoaded []contracts.SeatGroup
	// Accepted are the orders that the API accepted with 202.
	Accepted []contracts.OrderID
	// Layouts are the groups of the layout versions that are frozen or that held orders have, by readmodel.LayoutKey; nil if they
	// were not read.
	Layouts map[string][]readmodel.LayoutGroup
	// Published are the versions that were received from the bus, as "ORDER.VERSION"; nil if nothing was subscribed.
	Published map[string]Published
	// Effects are everything that happened to money at Stripe, oldest first; nil if they were not read.
	Effects []Effect
}

// Published is the content of a version's event.
type Published struct {
	Seats  []string
	Amount *contracts.Money
}

// Group is a seat group as Redis shows it.
type Group struct {
	contracts.SeatGroup
	Seats []string
	Map   seatstate.SeatMap
	// Entries are the orders that have the places, Records the orders' records in Redis; nil if they were not read.
	Entries map[int]seatstate.Entry
	Records map[contracts.OrderID]seatstate.Record
}

// Names of the rules that README.md explains.
const (
	RuleAsked    = "I31 seats and price as asked"
	RuleRefused  = "I32 never refused for its own hold"
	RuleEnded    = "I33 nothing is left to do"
	RulePhysical = "I34 one place a seat"
	RuleCounted  = "I35 seats are counted"
	RuleInTime   = "I37 paid in time, seats kept"
)

// Violation is a broken rule and what breaks it.
type Violation struct{ Rule, What string }

func (v Violation) String() string { return v.Rule + ": " + v.What }

// Always returns the violations of the rules that hold at any instant, even if the snapshot was not read at one instant: each
// rule compares what one transaction or one row has written.
func Always(s Snapshot) []Violation {
	return sorted(histories(s), tickets(s), seatsOnce(s), identities(s), asked(s), physical(s))
}

// AtRest returns the violations of the rules that hold when no message is under way and each hold that is due has ended.
func AtRest(s Snapshot) []Violation {
	return sorted(Always(s), counted(s), withinLimit(s), answered(s), places(s), records(s), refused(s), published(s), dead(s), Money(s))
}

func sorted(lists ...[]Violation) []Violation {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b Violation) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.What, b.What)) })
	return all
}

// list collects the violations of one rule.
type list struct {
	rule string
	all  []Violation
}

func (l *list) addf(format string, args ...any) {
	l.all = append(l.all, Violation{l.rule, fmt.Sprintf(format, args...)})
}

// Version returns the name of a version of a row in Snapshot.Published.
func Version(id contracts.OrderID, version int) string { return fmt.Sprintf("%s.%d", id, version) }
