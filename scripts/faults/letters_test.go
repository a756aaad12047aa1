package faults

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/invariants"
)

// killsForALetter is the number of kills after which a message that met all of them is poison.
const killsForALetter = 3

// lettersOfKills is the most letters that so many kills can cause: a whole batch.
const lettersOfKills = 10

// lettersMatchKills returns the number of dead letters, and an error for each that the kills do not explain. Random kills may
// meet one message three times, which makes it poison: it must be kept, and an order that had no row before is
// REJECTED(internal). There must be no other letter, and no attempt record may stay.
func lettersMatchKills(s invariants.Snapshot, busy map[string]int) (letters int, err error) {
	var problems []error
	if s.Dead > 0 {
		problems = append(problems, fmt.Errorf("%d messages wait in dead-letter queues", s.Dead))
	}
	placing, of := map[contracts.OrderID]bool{}, map[string]int{}
	for _, d := range s.DeadLetters {
		if d.Attempts > 0 || d.Reason != "attempts" {
			problems = append(problems, fmt.Errorf("%s: %d attempts, reason %q", d.MessageKey, d.Attempts, d.Reason))
			continue
		}
		of[d.Queue]++
		letters++
		placing[d.OrderID] = placing[d.OrderID] || d.Kind == string(message.KindPlaceOrder)
	}
	for queue, function := range map[string]string{"orders-dead": "reserve", "expiries-dead": "expire", "payments-dead": "pay", "authorizations-dead": "commit"} {
		if most := busy[function] / killsForALetter * lettersOfKills; of[queue] > most {
			problems = append(problems, fmt.Errorf("%d letters of %s after %d kills", of[queue], function, busy[function]))
		}
		delete(of, queue)
	}
	if len(of) > 0 {
		problems = append(problems, fmt.Errorf("letters of queues %v", slices.Collect(maps.Keys(of))))
	}
	for _, o := range s.Orders {
		if o.Reason != nil && o.Reason.Code == contracts.ReasonInternal && !placing[o.OrderID] {
			problems = append(problems, fmt.Errorf("order %s is REJECTED(internal), but its message is not kept", o.OrderID))
		}
	}
	return letters, errors.Join(problems...)
}

func TestLettersMatchKills(t *testing.T) {
	rejected := readmodel.Order{OrderID: "a", Status: contracts.Rejected, Reason: &readmodel.Reason{Code: contracts.ReasonInternal}}
	letter := readmodel.DeadLetter{MessageKey: readmodel.DrainedKey("m"), Queue: "orders-dead", Kind: string(message.KindPlaceOrder), OrderID: "a", Reason: "attempts"}
	with := func(change func(*readmodel.DeadLetter)) []readmodel.DeadLetter {
		changed := letter
		change(&changed)
		return []readmodel.DeadLetter{changed}
	}
	for _, c := range []struct {
		name     string
		snapshot invariants.Snapshot
		kills    int
		good     bool
	}{
		{"nothing", invariants.Snapshot{}, 0, true},
		{"an order met three times", invariants.Snapshot{Orders: []readmodel.Order{rejected}, DeadLetters: []readmodel.DeadLetter{letter}}, 3, true},
		{"too few kills", invariants.Snapshot{Orders: []readmodel.Order{rejected}, DeadLetters: []readmodel.DeadLetter{letter}}, 2, false},
		{"rejected and not kept", invariants.Snapshot{Orders: []readmodel.Order{rejected}}, 3, false},
		{"kept for another reason", invariants.Snapshot{DeadLetters: with(func(d *readmodel.DeadLetter) { d.Reason = "malformed" })}, 3, false},
		{"of a queue without kills", invariants.Snapshot{DeadLetters: with(func(d *readmodel.DeadLetter) { d.Queue = "expiries-dead" })}, 3, false},
		{"rejected, but another message of it is kept", invariants.Snapshot{
			Orders: []readmodel.Order{rejected}, DeadLetters: with(func(d *readmodel.DeadLetter) { d.Kind = string(message.KindCancelOrder) })}, 3, false},
		{"an attempt record that stays", invariants.Snapshot{DeadLetters: []readmodel.DeadLetter{{MessageKey: readmodel.AttemptsKey("m"), Attempts: 1}}}, 3, false},
		{"not drained", invariants.Snapshot{Dead: 1}, 3, false},
	} {
		if _, err := lettersMatchKills(c.snapshot, map[string]int{"reserve": c.kills}); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
