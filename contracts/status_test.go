package contracts_test

import (
	"slices"
	"testing"

	"boxoffice/contracts"
)

// graph is the documented status graph. It is repeated here on purpose, so that an edge that is added or removed by accident is
// found.
var graph = map[contracts.Status][]contracts.Status{
	"QUEUED":           {"HELD", "REJECTED"},
	"HELD":             {"AWAITING_PAYMENT", "COMMITTED", "EXPIRED", "CANCELLED", "REJECTED"},
	"AWAITING_PAYMENT": {"COMMITTED", "EXPIRED", "CANCELLED", "REJECTED"},
	"COMMITTED":        {"CONFIRMED", "REVOKED"},
	"CONFIRMED":        {"REFUNDED"},
	"REJECTED":         nil,
	"EXPIRED":          nil,
	"CANCELLED":        nil,
	"REVOKED":          nil,
	"REFUNDED":         nil,
}

func TestStatusGraph(t *testing.T) {
	all := contracts.Statuses()
	if len(all) != len(graph) {
		t.Errorf("%d statuses, %d documented", len(all), len(graph))
	}
	for _, from := range all {
		documented, known := graph[from]
		if !known {
			t.Errorf("%s is not documented", from)
		}
		if !slices.Equal(slices.Sorted(slices.Values(from.Next())), slices.Sorted(slices.Values(documented))) {
			t.Errorf("%s may become %v, documented %v", from, from.Next(), documented)
		}
		for _, to := range append(all, "", "NONSENSE") {
			if got, want := from.CanBecome(to), slices.Contains(documented, to); got != want {
				t.Errorf("%s to %s: %t, documented %t", from, to, got, want)
			}
		}
	}
	for _, unknown := range []contracts.Status{"", "NONSENSE", "held"} {
		for _, to := range all {
			if unknown.CanBecome(to) {
				t.Errorf("%q may become %s", unknown, to)
			}
		}
	}
}

func TestStatusClasses(t *testing.T) {
	for _, c := range []struct {
		status                                 contracts.Status
		open, paid, dead, settled, endedUnpaid bool
	}{
		{"QUEUED", false, false, false, false, false},
		{"HELD", true, false, false, false, false},
		{"AWAITING_PAYMENT", true, false, false, false, false},
		{"COMMITTED", false, true, false, false, false},
		{"CONFIRMED", false, true, false, true, false},
		{"REJECTED", false, false, true, true, true},
		{"EXPIRED", false, false, true, true, true},
		{"CANCELLED", false, false, true, true, true},
		{"REVOKED", false, false, true, true, false},
		{"REFUNDED", false, false, true, true, false},
		{"NONSENSE", false, false, false, false, false},
	} {
		s := c.status
		if s.Open() != c.open || s.Paid() != c.paid || s.Dead() != c.dead || s.Settled() != c.settled || s.EndedUnpaid() != c.endedUnpaid {
			t.Errorf("%s: open %t paid %t dead %t settled %t endedUnpaid %t, want %+v", s, s.Open(), s.Paid(), s.Dead(), s.Settled(), s.EndedUnpaid(), c)
		}
	}
}

// A settled status has no next status, except that a confirmed order can be refunded. Every other status has one.
func TestStatusSettledAbsorbs(t *testing.T) {
	for _, s := range contracts.Statuses() {
		next := s.Next()
		switch {
		case s == contracts.Confirmed:
			if !slices.Equal(next, []contracts.Status{contracts.Refunded}) {
				t.Errorf("CONFIRMED leads to %v", next)
			}
		case s.Settled() && len(next) > 0:
			t.Errorf("%s is settled and leads to %v", s, next)
		case !s.Settled() && len(next) == 0:
			t.Errorf("%s is not settled and leads nowhere: its buyer would wait for ever", s)
		}
		if s.CanBecome(s) || s.CanBecome(contracts.Queued) {
			t.Errorf("%s leads to itself or back to QUEUED", s)
		}
	}
}

// A dead order has released its seats, so it can never get a status that owns seats.
func TestDeadStatusesNeverOwnSeats(t *testing.T) {
	for _, s := range contracts.Statuses() {
		for _, after := range s.Next() {
			if s.Dead() && (after.Open() || after.Paid()) {
				t.Errorf("%s may become %s", s, after)
			}
		}
	}
}

func TestStatusNextIsACopy(t *testing.T) {
	contracts.Held.Next()[0] = contracts.Refunded
	if contracts.Held.CanBecome(contracts.Refunded) {
		t.Error("the graph can be changed from outside")
	}
}
