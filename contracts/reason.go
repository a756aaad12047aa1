package contracts

// Reason is a stable code that says why an order was rejected or revoked. Clients branch on it, so a code never changes.
type Reason string

// Reasons of a REJECTED order.
const (
	ReasonSeatTaken      Reason = "seat_taken"
	ReasonNoAdjacent     Reason = "no_adjacent_seats"
	ReasonLimitReached   Reason = "limit_reached"
	ReasonSeatLost       Reason = "seat_lost"
	ReasonDeadlinePassed Reason = "deadline_passed"
	ReasonLayoutChanged  Reason = "layout_changed"
	ReasonInternal       Reason = "internal"
	// ReasonPaymentMismatch: the authorised amount is not the price of the order.
	ReasonPaymentMismatch Reason = "payment_mismatch"
	// ReasonPaymentRefused: the buyer cannot pay. Stripe refused to open the payment, or the payment was cancelled at Stripe.
	ReasonPaymentRefused Reason = "payment_refused"
)

// ReasonAuthorizationGone is the reason of a REVOKED order: the authorisation ended before the money was taken.
const ReasonAuthorizationGone Reason = "authorization_gone"

// Reasons lists every reason that a row can have.
func Reasons() []Reason {
	return []Reason{
		ReasonSeatTaken, ReasonNoAdjacent, ReasonLimitReached, ReasonSeatLost, ReasonDeadlinePassed, ReasonLayoutChanged,
		ReasonInternal, ReasonPaymentMismatch, ReasonPaymentRefused, ReasonAuthorizationGone,
	}
}

// Detail returns the sentence that a buyer sees beside the code.
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
