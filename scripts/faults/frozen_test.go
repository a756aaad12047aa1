package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/faultproxy"
)

// A process of reserve is stopped in the middle of an order, past its message's visibility timeout. Another process decides the
// order, the buyer cancels it, and another buyer holds the seats. Then the first process's write arrives, and it continues.
//
// Normally a function's timeout is shorter than its messages' visibility timeout, so a stopped process is killed before the
// redelivery. Here the visibility timeout is shorter, as by a mistake in a deployment, so both processes live.
func TestFrozenProcessContinues(t *testing.T) {
	runInParallel(t, 35*time.Second)
	s := newStack(t, settings{timeout: 15, calls: []string{"dynamodb", "sqs"}})
	events := s.SubscribeFor(t)
	s.setVisibility(time.Second, "orders")
	freezer, l, hall := s.freezer(), &ledger{}, s.groupsOf(s.Concert)
	row := func(status contracts.Status) func(string) func(faultproxy.Call) bool {
		return func(user string) func(faultproxy.Call) bool { return writesRow(s.Table("orders"), user, status) }
	}
	expireHold := func(string) func(faultproxy.Call) bool {
		return func(c faultproxy.Call) bool {
			return strings.HasPrefix(c.Operation, "SendMessage") && c.Mentions(s.Queue("expiries"))
		}
	}
	for _, c := range []struct {
		between, service string
		seats            []string
		had              bool
		match            func(user string) func(faultproxy.Call) bool
	}{
		{between: "hold and row", service: "dynamodb", seats: hall[0].Seats[:2], match: row(contracts.Held)},
		{between: "row and send", service: "sqs", seats: hall[1].Seats[:2], match: expireHold},
		{between: "row CANCELLED and release", service: "dynamodb", seats: hall[2].Seats[:2], match: row(contracts.Cancelled), had: true},
	} {
		buyer := s.newBuyer(s.Concert, c.seats...)
		f := freezer.arm(freeze{at: c.between, function: "reserve", service: c.service, afterEffect: c.had, match: c.match(buyer.user)})
		buyer.place(l)
		buyer.waitStatus(contracts.Held) // decided by another process, if the first was stopped before its row
		buyer.cancel()
		f.waitStopped()
		buyer.waitStatus(contracts.Cancelled)
		other := buyer.nextHolder(l)
		f.release()
		f.resume()
		buyer.checkHistory(contracts.Held, contracts.Cancelled)
		other.checkHistory(contracts.Held)
		if err := s.checkRule("places"); err != nil {
			t.Errorf("stopped between %s: %v", c.between, err)
		}
	}
	took := s.waitAtRest(l, events, s.HoldFor+decideWithin)
	report(t, "reserve stopped 3 times past its message's visibility timeout, between hold and row, row and send, row and release: another process continued, the late calls changed nothing, at rest %s later",
		took.Round(time.Second))
}

// The same at the function's timeout: the stopped process is killed, and its write arrives after another process has decided
// otherwise. The row's status and version refuse each late write.
func TestLateWritesAreRefused(t *testing.T) {
	runInParallel(t, 50*time.Second)
	// The buyer's late cancellation must come before expire, 10 s after the end of the hold, however slow the steps before it are.
	s := newStack(t, settings{hold: 15, calls: []string{"dynamodb"}})
	events := s.SubscribeFor(t)
	l, groups := &ledger{}, s.groupsOf(s.Concert)
	// Each order is for seats of its own group, so that none waits behind another's message.
	held, expired, cancelled := s.newBuyer(s.Concert, groups[0].Seats[:2]...), s.newBuyer(s.Concert, groups[1].Seats[:2]...), s.newBuyer(s.Concert, groups[2].Seats[:2]...)
	freezer := s.freezer()
	arm := func(w *testBuyer, function string, status contracts.Status) *frozen {
		return freezer.arm(freeze{at: fmt.Sprintf("the row %s", status), function: function, service: "dynamodb", match: writesRow(s.Table("orders"), w.user, status)})
	}
	lateHeld, lateCancelled, lateExpired := arm(held, "reserve", contracts.Held), arm(expired, "reserve", contracts.Cancelled), arm(cancelled, "expire", contracts.Expired)
	arrives := func(late *frozen, w *testBuyer, other *testBuyer, statuses ...contracts.Status) {
		t.Helper()
		late.release()
		w.checkHistory(statuses...)
		other.checkHistory(contracts.Held)
		if err := s.checkRule("places"); err != nil {
			t.Errorf("%s arrived late: %v", late.at, err)
		}
	}

	expired.place(l)
	ended := expired.waitStatus(contracts.Held).HoldExpiresAt

	// HELD arrives when the order is CANCELLED.
	held.place(l)
	lateHeld.waitStopped()
	lateHeld.waitKilled()
	// Its hold ends seconds after that of the order that expires, so that no batch contains both.
	cancelled.place(l)
	cancelled.waitStatus(contracts.Held)
	held.waitStatus(contracts.Held)
	held.cancel()
	held.waitStatus(contracts.Cancelled)
	arrives(lateHeld, held, held.nextHolder(l), contracts.Held, contracts.Cancelled)

	// CANCELLED arrives when the order is EXPIRED. The buyer is so late that expire comes before the message's redelivery.
	eventually(t, decideWithin, func() error {
		if now := contracts.InstantOf(time.Now()); now < ended.Add(7*time.Second) {
			return fmt.Errorf("%s, and the hold ended at %s", now, ended)
		}
		return nil
	})
	expired.cancel()
	lateCancelled.waitStopped()
	lateCancelled.waitKilled()
	expired.waitStatus(contracts.Expired)
	arrives(lateCancelled, expired, expired.nextHolder(l), contracts.Held, contracts.Expired)

	// EXPIRED arrives when the order is CANCELLED.
	lateExpired.waitStopped()
	lateExpired.waitKilled()
	cancelled.cancel()
	cancelled.waitStatus(contracts.Cancelled)
	arrives(lateExpired, cancelled, cancelled.nextHolder(l), contracts.Held, contracts.Cancelled)

	took := s.waitAtRest(l, events, s.HoldFor+decideWithin)
	report(t, "3 processes stopped until they were killed at their timeout; their writes of HELD, CANCELLED and EXPIRED arrived after another process had decided, and changed nothing: at rest %s later",
		took.Round(time.Second))
}
