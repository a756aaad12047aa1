package invariants_test

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/invariants"
)

// had returns an order that had seats from one second to another. Without an end it is open.
func had(c string, seats []string, from, to contracts.Instant) readmodel.Order {
	o := row(c, c, seats, contracts.Held)
	o.HeldAt, o.History[0].At = at+1000*from, at+1000*from
	if to > 0 {
		o.Status, o.Version = contracts.Expired, 2
		o.History = append(o.History, readmodel.HistoryEntry{Status: contracts.Expired, Version: 2, At: at + 1000*to})
	}
	return o
}

func TestNeverSharedReportsSharedSeats(t *testing.T) {
	refused := row("r", "r", []string{"s1"}, contracts.Rejected)
	refused.HeldAt = 0
	for _, c := range []struct {
		name   string
		orders []readmodel.Order
		want   []string
	}{
		{"one after another", []readmodel.Order{had("a", []string{"s1"}, 0, 10), had("b", []string{"s1", "s2"}, 10, 0), refused}, nil},
		{"at once", []readmodel.Order{had("b", []string{"s1"}, 9, 20), had("a", []string{"s2", "s1"}, 0, 10)}, []string{"one order a seat, ever"}},
		{"behind one that never ended", []readmodel.Order{had("a", []string{"s1"}, 0, 0), had("b", []string{"s1"}, 300, 310)}, []string{"one order a seat, ever"}},
		{"as many as allowed", []readmodel.Order{had("a", []string{"s1", "s2"}, 0, 10), had("b", []string{"s3", "s4"}, 4, 20), had("c", []string{"s5"}, 10, 20)}, nil},
		{"too many", []readmodel.Order{had("a", []string{"s1", "s2"}, 0, 10), had("b", []string{"s3", "s4"}, 4, 20), had("c", []string{"s5"}, 6, 20)}, []string{"allowance, ever"}},
	} {
		if got := rules(invariants.NeverShared(c.orders)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
