package invariants_test

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/invariants"
)

// sold returns a snapshot with a paid order, and an order that was cancelled after its authorisation.
func sold() invariants.Snapshot {
	paid := row("a", "1", []string{"s1", "s2"}, contracts.Held, contracts.AwaitingPayment, contracts.Committed, contracts.Confirmed)
	paid.Amount = &contracts.Money{Minor: 9000, Currency: "EUR"}
	late := row("b", "2", []string{"s3"}, contracts.Held, contracts.AwaitingPayment, contracts.Expired)
	return invariants.Snapshot{
		Orders:  []readmodel.Order{paid, late},
		Tickets: []readmodel.Ticket{{SeatGroup: "nocturne#A", Seat: "s1", OrderID: id("a")}, {SeatGroup: "nocturne#A", Seat: "s2", OrderID: id("a")}},
		Effects: []invariants.Effect{
			{Kind: "authorized", At: at, PaymentIntent: "pi_a", Order: id("a"), Amount: 9000},
			{Kind: "authorized", At: at + 299_000, PaymentIntent: "pi_b", Order: id("b"), Amount: 4500},
			{Kind: "captured", At: at, PaymentIntent: "pi_a", Order: id("a"), Amount: 9000},
			{Kind: "canceled", At: at + 312_000, PaymentIntent: "pi_b", Order: id("b"), Amount: 4500},
		},
	}
}

func TestMoneyReportsWrongCharges(t *testing.T) {
	const charged, after, open = "charged if and only if ticketed", "captured after committed", "no authorization of an ended order"
	for name, c := range map[string]struct {
		plant func(*invariants.Snapshot, *[]invariants.Effect)
		rules []string
	}{
		"as it should be":                    {func(*invariants.Snapshot, *[]invariants.Effect) {}, nil},
		"charged twice":                      {func(_ *invariants.Snapshot, e *[]invariants.Effect) { *e = append(*e, (*e)[2]) }, []string{charged}},
		"charged too much":                   {func(_ *invariants.Snapshot, e *[]invariants.Effect) { (*e)[2].Amount++ }, []string{charged}},
		"not charged":                        {func(_ *invariants.Snapshot, e *[]invariants.Effect) { *e = slices.Delete(*e, 2, 3) }, []string{charged, open}},
		"a ticket missing":                   {func(s *invariants.Snapshot, _ *[]invariants.Effect) { s.Tickets = s.Tickets[:1] }, []string{charged}},
		"charged for nothing":                {func(_ *invariants.Snapshot, e *[]invariants.Effect) { (*e)[3].Kind = "captured" }, []string{after, charged}},
		"charged before it was owned":        {func(_ *invariants.Snapshot, e *[]invariants.Effect) { (*e)[2].At = at - 1 }, []string{after}},
		"charged for an order without a row": {func(s *invariants.Snapshot, _ *[]invariants.Effect) { s.Orders, s.Tickets = s.Orders[1:], nil }, []string{after, charged}},
		"left put aside":                     {func(_ *invariants.Snapshot, e *[]invariants.Effect) { *e = (*e)[:3] }, []string{open}},
	} {
		s := sold()
		c.plant(&s, &s.Effects)
		if got := rules(invariants.Money(s)); !slices.Equal(got, c.rules) {
			t.Errorf("%s: reported %v, want %v: %v", name, got, c.rules, invariants.Money(s))
		}
	}
}
