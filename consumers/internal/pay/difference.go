package pay

import (
	"slices"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// difference is a contradiction between a PaymentIntent and the row and tickets of its order.
type difference struct {
	// word is stable.
	word string
	// amount is the money in minor units, or the number of tickets.
	amount int64
}

// Words of differences. README.md says what each means.
const (
	differsNoRow      = "no_row"
	differsCharged    = "charged_without_tickets"
	differsAmount     = "charged_another_amount"
	differsRefunded   = "refunded_otherwise"
	differsTickets    = "tickets_missing"
	differsNotCharged = "tickets_without_charge"
	differsDisputed   = "disputed"
	differsOpen       = "authorization_of_ended_order"
	differsCommitted  = "committed_for_long"
)

// maxCommitted is the longest time for which an order is normally COMMITTED: as long as a slice of the ledger.
const maxCommitted = 5 * time.Minute

// differences compares a PaymentIntent with its account. It returns none if they agree, or will agree by a step under way.
func differences(e Entry, a account, now contracts.Instant) (all []difference) {
	if !a.found {
		if a.unreadable || e.Status == StatusCanceled {
			return nil
		}
		return []difference{{word: differsNoRow}}
	}
	if e.Status == StatusSucceeded {
		all = chargeDifferences(e, a)
	} else {
		all = uncapturedDifferences(e, a)
	}
	if e.Disputed {
		all = append(all, difference{word: differsDisputed})
	}
	committed := paysOrder(e, a.row) && a.row.Status == contracts.Committed
	if committed && now.Sub(statusSince(a.row, contracts.Committed)) > maxCommitted {
		all = append(all, difference{word: differsCommitted})
	}
	return all
}

// paysOrder says whether the PaymentIntent is the row's own. Any other one was made by a call whose response was lost, and no buyer
// has seen its secret.
func paysOrder(e Entry, row order.Order) bool {
	return row.Payment != nil && row.Payment.IntentID == e.ID
}

// isOrWasPaid says whether the order is paid or refunded.
func isOrWasPaid(row order.Order) bool {
	return row.Status.Paid() || row.Status == contracts.Refunded
}

// chargeDifferences compares a PaymentIntent that was captured.
func chargeDifferences(e Entry, a account) []difference {
	if paysOrder(e, a.row) && isOrWasPaid(a.row) {
		return priceDifferences(e, a)
	}
	if kept := e.AmountReceived - e.Refunded; kept != 0 {
		return []difference{{differsCharged, kept}}
	}
	return nil
}

// uncapturedDifferences compares a PaymentIntent that was not captured.
func uncapturedDifferences(e Entry, a account) []difference {
	row, own := a.row, paysOrder(e, a.row)
	if e.Status == StatusRequiresCapture && (row.Status.Dead() || isOrWasPaid(row) && !own) {
		return []difference{{word: differsOpen}}
	}
	chargeExpected := isOrWasPaid(row) && row.Status != contracts.Committed
	if own && (chargeExpected || row.Status == contracts.Revoked && a.tickets > 0) {
		return []difference{{differsNotCharged, int64(a.tickets)}}
	}
	return nil
}

// priceDifferences compares a charge that paid its order: what was not refunded has to be the price of the tickets that the order
// still has. All seats of an order cost the same.
func priceDifferences(e Entry, a account) (all []difference) {
	row := a.row
	if row.Amount == nil || !row.Amount.IsStripeAmount(e.AmountReceived, e.Currency) {
		all = append(all, difference{differsAmount, e.AmountReceived})
	}
	seats := int64(len(row.Seats))
	withdrawn := seats - int64(a.tickets)
	switch {
	case e.Refunded*seats == e.AmountReceived*withdrawn:
	case e.Refunded > 0:
		all = append(all, difference{differsRefunded, e.Refunded})
	default:
		all = append(all, difference{differsTickets, withdrawn})
	}
	return all
}

// needsVoid says whether a PaymentIntent can still be paid or captured although it can no longer pay an order.
func needsVoid(e Entry, a account) bool {
	return a.found && e.Status != StatusSucceeded && e.Status != StatusCanceled && slices.Contains(voidable(a.row, e.ID), e.ID)
}

// statusSince returns when an order last entered a status, 0 if never.
func statusSince(row order.Order, s contracts.Status) (at contracts.Instant) {
	for _, h := range row.History {
		if h.Status == s {
			at = h.At
		}
	}
	return at
}
