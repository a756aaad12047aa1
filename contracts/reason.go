package contracts

// Reason is the stable code of why an order was rejected or revoked. Clients branch on it; it is never reworded.
type Reason string

// Reasons of a REJECTED order that the pipeline gives today. Each has one place that writes it.
const (
	ReasonSeatTaken      Reason = "seat_taken"
	ReasonNoAdjacent     Reason = "no_adjacent_seats"
	ReasonLimitReached   Reason = "limit_reached"
	ReasonSeatLost       Reason = "seat_lost"
	ReasonDeadlinePassed Reason = "deadline_passed"
	ReasonLayoutChanged  Reason = "layout_changed"
	ReasonInternal       Reason = "internal"
	// ReasonPaymentMismatch: what was authorised is not what the order costs.
	ReasonPaymentMismatch Reason = "payment_mismatch"
	// ReasonPaymentRefused: there is no payment that the buyer could make. Stripe refused to open one, or the one that the
	// order waited for was cancelled at Stripe.
	ReasonPaymentRefused Reason = "payment_refused"
)

// ReasonAuthorizationGone is that of a REVOKED order: the authorisation ended before the money was taken.
const ReasonAuthorizationGone Reason = "authorization_gone"

// Reasons lists every reason that a row may have.
func Reasons() []Reason {
	return []Reason{
		ReasonSeatTaken, ReasonNoAdjacent, ReasonLimitReached, ReasonSeatLost, ReasonDeadlinePassed, ReasonLayoutChanged,
		ReasonInternal, ReasonPaymentMismatch, ReasonPaymentRefused, ReasonAuthorizationGone,
	}
}

// Detail is the sentence shown to a buyer beside the code.
func (r Reason) Detail() string {
	switch r {
	case ReasonSeatTaken:
		return "Another order already holds or owns a seat of this order."
	case ReasonNoAdjacent:
		return "There are not that many free seats side by side any more."
	case ReasonLimitReached:
		return "You have as many tickets and open orders for this concert as one buyer may."
	case ReasonSeatLost:
		return "A seat of this order was sold to another order. Nothing was charged."
	case ReasonDeadlinePassed:
		return "The order waited longer than its deadline, so it was not carried out."
	case ReasonLayoutChanged:
		return "The seating of this concert changed after the order was placed."
	case ReasonPaymentMismatch:
		return "The payment did not match the order. Nothing was charged."
	case ReasonPaymentRefused:
		return "The payment of this order can no longer be made, so the order has ended. Nothing was charged."
	case ReasonAuthorizationGone:
		return "Your bank ended the authorisation before the money was taken, so the tickets were withdrawn. Nothing was charged."
	case ReasonInternal:
		return "The order could not be processed. Nothing was charged."
	default:
		return "The order was refused."
	}
}
