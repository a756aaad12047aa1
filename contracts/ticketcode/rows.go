package ticketcode

import (
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// CodeOfSeat returns the present code of an order's ticket for a seat.
func CodeOfSeat(row readmodel.Order, seat string) Code {
	return CodeOf(contracts.TicketIDOf(row.OrderID, seat), row.KeyNumbers[seat])
}

// CodesOf returns the codes that an order's tickets have: one for each seat of a paid order, and none otherwise.
func CodesOf(row readmodel.Order) []Code {
	if !row.Status.Paid() {
		return nil
	}
	var codes []Code
	for _, seat := range row.Seats {
		codes = append(codes, CodeOfSeat(row, seat))
	}
	return codes
}

// Lost returns the codes that a next version of a row makes invalid: whoever writes after must write their Revocation in the same
// transaction, or a gate would accept them. They are the codes of withdrawn tickets and the former codes of re-keyed ones. They
// include those of tickets that were never shown, of an order that was REVOKED before it was CONFIRMED: a list that is complete by
// this one rule cannot be wrong about who has seen a ticket.
func Lost(before, after readmodel.Order) []Code {
	kept := CodesOf(after)
	return slices.DeleteFunc(CodesOf(before), func(c Code) bool { return slices.Contains(kept, c) })
}

// RevocationOf returns the row with the codes that after has made invalid; found is false if there are none.
func RevocationOf(before, after readmodel.Order) (row readmodel.Revocation, found bool) {
	lost := Lost(before, after)
	row = readmodel.Revocation{ConcertID: after.ConcertID, OrderVersion: readmodel.RevocationKey(after.OrderID, after.Version)}
	for _, c := range lost {
		row.Codes = append(row.Codes, c[:]...)
	}
	return row, len(lost) > 0
}

// RevokedBy returns the codes of a Revocation.
func RevokedBy(row readmodel.Revocation) ([]Code, error) {
	if len(row.Codes)%codeBytes != 0 {
		return nil, fmt.Errorf("revocation %s of %s has %d bytes of codes", row.OrderVersion, row.ConcertID, len(row.Codes))
	}
	var codes []Code
	for b := range slices.Chunk(row.Codes, codeBytes) {
		codes = append(codes, Code(b))
	}
	return codes, nil
}
