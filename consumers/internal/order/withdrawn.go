package order

import "slices"

// Withdrawn are the seats of a paid order that it does not own any more. It is the one place that knows: tickets are not
// asked, because a Query sees a transaction half done and would take a ticket that is not visible yet for withdrawn. Refunds
// will fill it from the row's ledger; until they exist no seat of a paid order is withdrawn.
func (o Order) Withdrawn() []string { return nil }

// Owned are the seats of a paid order without the withdrawn ones, in the order of the row.
func (o Order) Owned() []string {
	withdrawn := o.Withdrawn()
	return slices.DeleteFunc(slices.Clone(o.Seats), func(seat string) bool { return slices.Contains(withdrawn, seat) })
}
