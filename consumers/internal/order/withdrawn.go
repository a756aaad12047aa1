package order

import "slices"

// Withdrawn returns the seats of a paid order that it does not own any more. Only this function may decide that. Tickets must not
// be read for it: a Query can see a part of a transaction, and a ticket that is not visible yet would seem withdrawn. Refunds will
// implement this from the row's ledger; until they exist, no seat of a paid order is withdrawn.
func (o Order) Withdrawn() []string { return nil }

// Owned returns the seats of a paid order without the withdrawn ones, in the order of the row.
func (o Order) Owned() []string {
	withdrawn := o.Withdrawn()
	return slices.DeleteFunc(slices.Clone(o.Seats), func(seat string) bool { return slices.Contains(withdrawn, seat) })
}
