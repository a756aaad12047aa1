package pay

import (
	"slices"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// difference is something that is wrong between a PaymentIntent and the books: a stable word, and the money or the tickets
// that it is about.
type difference struct {
	word   string
	amount int64
}

// Words of differences.
const (
	// differsNoRow: a PaymentIntent of this environment names no order that there is.
	differsNoRow = "no_row"
	// differsCharged: money was kept of an order that has no ticket for it, or that another PaymentIntent has paid.
	differsCharged = "charged_without_tickets"
	// differsAmount: something else was taken than the order costs.
	differsAmount = "charged_another_amount"
	// differsRefunded: what was given back is not what the withdrawn tickets cost, as of a refund made at the dashboard.
	differsRefunded = "refunded_otherwise"
	// differsTickets: there are fewer tickets than were paid for, and nothing was given back.
	differsTickets = "tickets_missing"
	// differsNotCharged: there are tickets, and no money was taken.
	differsNotCharged = "tickets_without_charge"
	// differsDisputed: the cardholder has asked his bank for the money.
	differsDisputed = "disputed"
	// differsOpen: money is put aside for an order that has ended, or was paid by another PaymentIntent.
	differsOpen = "authorization_of_ended_order"
	// differsCommitted: the seats are sold, and the money is neither taken nor known to be gone.
	differsCommitted = "committed_for_long"
)

// committedFor is how long an order is COMMITTED at most while all is well: as long as a slice of the ledger.
const committedFor = 5 * time.Minute

// differences are what is wrong with a PaymentIntent and its books, none if they agree or are on their way to.
func differences(e Entry, a account, now contracts.Instant) (all []difference) {
	add := func(word string, amount int64) { all = append(all, difference{word, amount}) }
	row := a.row
	if !a.found {
		if !a.unreadable && e.Status != StatusCanceled {
			add(differsNoRow, 0)
		}
		return all
	}
	// One that is not the row's was left behind by a call whose answer was lost: nobody was shown its secret.
	own := row.Payment != nil && row.Payment.IntentID == e.ID
	owns := row.Status.Paid() || row.Status == contracts.Refunded
	kept := e.AmountReceived - e.Refunded
	switch charged := e.Status == StatusSucceeded; {
	case charged && own && owns:
		all = append(all, settled(e, a)...)
	case charged && kept != 0:
		add(differsCharged, kept)
	case e.Status == StatusRequiresCapture && (row.Status.Dead() || owns && !own):
		add(differsOpen, 0)
	case own && !charged && (owns && row.Status != contracts.Committed || row.Status == contracts.Revoked && a.tickets > 0):
		add(differsNotCharged, int64(a.tickets))
	}
	if e.Disputed {
		add(differsDisputed, 0)
	}
	if own && row.Status == contracts.Committed && now.Sub(since(row, contracts.Committed)) > committedFor {
		add(differsCommitted, 0)
	}
	return all
}

// settled are the differences of a charge that paid its order: what was kept of it has to be the price of the tickets that the
// order still has. All seats of an order cost the same.
func settled(e Entry, a account) (all []difference) {
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

// pending says that a PaymentIntent can still be paid or captured, and pays nothing whatever comes.
func pending(e Entry, a account) bool {
	return a.found && e.Status != StatusSucceeded && e.Status != StatusCanceled && slices.Contains(voidable(a.row, e.ID), e.ID)
}

// since is when an order took its last status of this name.
func since(row order.Order, s contracts.Status) (at contracts.Instant) {
	for _, h := range row.History {
		if h.Status == s {
			at = h.At
		}
	}
	return at
}
