package contracts

// Reason is the stable code of why an order was rejected or revoked. Clients branch on it; it is never reworded.
type Reason string

// Reasons of a REJECTED order that the pipeline gives today. Each has one place that writes it.
const (
	ReasonSeatTaken      Reason = "seat_taken"
	ReasonDeadlinePassed Reason = "deadline_passed"
	ReasonLayoutChanged  Reason = "layout_changed"
	ReasonInternal       Reason = "internal"
)

// Detail is the sentence shown to a buyer beside the code.
func (r Reason) Detail() string {
	switch r {
	case ReasonSeatTaken:
		return "Another order already holds or owns a seat of this order."
	case ReasonDeadlinePassed:
		return "The order waited longer than its deadline, so it was not carried out."
	case ReasonLayoutChanged:
		return "The seating of this concert changed after the order was placed."
	case ReasonInternal:
		return "The order could not be processed. Nothing was charged."
	default:
		return "The order was refused."
	}
}
