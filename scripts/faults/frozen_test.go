package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/faultproxy"
)

// A process of reserve is stopped in the middle of an order, past its message's visibility. Another one decides the order,
// the buyer cancels it, and somebody else holds the seats. Then what the first was about to write arrives, and it goes on.
//
// A function's time is shorter than its messages' visibility, so a stopped process is killed before they come again. Here
// the queue's visibility is made shorter than that, as by a mistake in a deployment; so both live.
func TestFrozenProcessGoesOn(t *testing.T) {
	sideBySide(t, 35*time.Second)
	s := newStack(t, settings{timeout: 15, calls: []string{"dynamodb", "sqs"}})
	events := s.SubscribeFor(t)
	s.comesBackAfter(time.Second, "orders")
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
		buyer := s.wanting(s.Concert, c.seats...)
		f := freezer.arm(freeze{at: c.between, function: "reserve", service: c.service, had: c.had, match: c.match(buyer.user)})
		buyer.place(l)
		buyer.is(contracts.Held) // by another process, if the first was stopped before its row
		buyer.cancel()
		f.wait()
		buyer.is(contracts.Cancelled)
		other := buyer.next(l)
		f.arrive()
		f.goOn()
		buyer.wentAs(contracts.Held, contracts.Cancelled)
		other.wentAs(contracts.Held)
		if err := s.against("places"); err != nil {
			t.Errorf("stopped between %s: %v", c.between, err)
		}
	}
	took := s.atRest(l, events, s.HoldFor+decideWithin)
	report(t, "reserve stopped 3 times past its message's visibility, between hold and row, row and send, row and release: another process went on, what came late changed nothing, at rest %s later",
		took.Round(time.Second))
}

// The same at the function's timeout: the stopped process is killed, and what it was writing arrives after another process
// has decided otherwise. Each late write is refused by the row's status and version.
func TestLateWritesAreRefused(t *testing.T) {
	sideBySide(t, 50*time.Second)
	// The buyer's late click has to come before expire, 10 s after the end of the hold, however long what is before it takes.
	s := newStack(t, settings{hold: 15, calls: []string{"dynamodb"}})
	events := s.SubscribeFor(t)
	l, groups := &ledger{}, s.groupsOf(s.Concert)
	// Each for seats of a group of its own, so that none waits behind another's message.
	held, expired, cancelled := s.wanting(s.Concert, groups[0].Seats[:2]...), s.wanting(s.Concert, groups[1].Seats[:2]...), s.wanting(s.Concert, groups[2].Seats[:2]...)
	freezer := s.freezer()
	arm := func(w *wanting, function string, status contracts.Status) *frozen {
		return freezer.arm(freeze{at: fmt.Sprintf("the row %s", status), function: function, service: "dynamodb", match: writesRow(s.Table("orders"), w.user, status)})
	}
	lateHeld, lateCancelled, lateExpired := arm(held, "reserve", contracts.Held), arm(expired, "reserve", contracts.Cancelled), arm(cancelled, "expire", contracts.Expired)
	arrives := func(late *frozen, w *wanting, other *wanting, statuses ...contracts.Status) {
		t.Helper()
		late.arrive()
		w.wentAs(statuses...)
		other.wentAs(contracts.Held)
		if err := s.against("places"); err != nil {
			t.Errorf("%s arrived late: %v", late.at, err)
		}
	}

	expired.place(l)
	ended := expired.is(contracts.Held).HoldExpiresAt

	// HELD arrives when the order is CANCELLED.
	held.place(l)
	lateHeld.wait()
	lateHeld.killed()
	// Its hold ends seconds after that of the order that expires, so that no batch has both.
	cancelled.place(l)
	cancelled.is(contracts.Held)
	held.is(contracts.Held)
	held.cancel()
	held.is(contracts.Cancelled)
	arrives(lateHeld, held, held.next(l), contracts.Held, contracts.Cancelled)

	// CANCELLED arrives when the order is EXPIRED. The buyer is so late that expire is before the message's return.
	eventually(t, decideWithin, func() error {
		if now := contracts.InstantOf(time.Now()); now < ended.Add(7*time.Second) {
			return fmt.Errorf("%s, and the hold ended at %s", now, ended)
		}
		return nil
	})
	expired.cancel()
	lateCancelled.wait()
	lateCancelled.killed()
	expired.is(contracts.Expired)
	arrives(lateCancelled, expired, expired.next(l), contracts.Held, contracts.Expired)

	// EXPIRED arrives when the order is CANCELLED.
	lateExpired.wait()
	lateExpired.killed()
	cancelled.cancel()
	cancelled.is(contracts.Cancelled)
	arrives(lateExpired, cancelled, cancelled.next(l), contracts.Held, contracts.Cancelled)

	took := s.atRest(l, events, s.HoldFor+decideWithin)
	report(t, "3 processes stopped until they were killed at their timeout; the rows HELD, CANCELLED and EXPIRED that they were writing arrived after another process had decided, and changed nothing: at rest %s later",
		took.Round(time.Second))
}
