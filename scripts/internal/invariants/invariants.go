// Package invariants says what must hold of a whole deployment: of its rows, of what Redis shows, of the events and dead
// letters. It is pure; whoever has gathered a Snapshot can ask. Rules that hold at any instant are Always, those that
// need the pipeline to have come to rest are AtRest.
//
// The rules are the promises of the README: one owner a seat, counted allowances, every version published, every order
// that was accepted has an end. This folder's README has which promise is held here and which elsewhere.
package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Snapshot is what was gathered. A nil map or slice has nothing in it; what was not gathered at all says so by a field.
type Snapshot struct {
	// At is the instant by which Redis and the rows are compared.
	At         contracts.Instant
	Orders     []readmodel.Order
	Tickets    []readmodel.Ticket
	Allowances []readmodel.Allowance
	// DeadLetters are the rows of attempts, of drained messages and of given-up records of a stream; Dead are the messages in
	// dead-letter queues and the letters about streams that nobody has drained.
	DeadLetters []readmodel.DeadLetter
	Dead        int
	// Groups are the loaded seat groups as producers see them, NotLoaded those on sale that are not there.
	Groups    []Group
	NotLoaded []contracts.SeatGroup
	// Accepted are the orders that were answered 202.
	Accepted []contracts.OrderID
	// Layouts are the groups of the layout versions that held orders have or that are sold, by readmodel.LayoutKey; nil if
	// nobody gathered them.
	Layouts map[string][]readmodel.LayoutGroup
	// Published are the versions that came out of the bus, as "ORDER.VERSION"; nil if nobody listened.
	Published map[string]Published
	// Effects are everything that happened to money at Stripe, oldest first; nil if nobody asked.
	Effects []Effect
}

// Published is what an event said of a version.
type Published struct {
	Seats  []string
	Amount *contracts.Money
}

// Group is a seat group as Redis shows it.
type Group struct {
	contracts.SeatGroup
	Seats []string
	Map   seatstate.SeatMap
	// Entries are who has which place, and Records what Redis remembers of orders; nil if nobody gathered them.
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

// Violation is a rule that does not hold, and what breaks it.
type Violation struct{ Rule, What string }

func (v Violation) String() string { return v.Rule + ": " + v.What }

// Always are the violations of the rules that hold at any instant, however the snapshot was cut: each compares what one
// transaction or one row wrote.
func Always(s Snapshot) []Violation {
	return sorted(histories(s), tickets(s), seatsOnce(s), identities(s), asked(s), physical(s))
}

// AtRest are the violations of all rules. The pipeline has come to rest when no message is under way and each hold that
// was going to end has ended.
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

// Version names a version of a row in Snapshot.Published.
func Version(id contracts.OrderID, version int) string { return fmt.Sprintf("%s.%d", id, version) }
