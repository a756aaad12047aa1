package orders

import (
	"boxoffice/contracts/message"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// body is the request as sent. A missing member is nil, which is not the same as an empty one; Decode refuses null.
type body struct {
	ConcertID *string   `json:"concertId"`
	Seats     *[]string `json:"seats"`
	// Accessible is how many of Seats may be accessible places.
	Accessible *int      `json:"accessible"`
	Best       *bestBody `json:"bestAvailable"`
}

type bestBody struct {
	Section    *string `json:"section"`
	Quantity   *int    `json:"quantity"`
	Accessible int     `json:"accessible"`
}

func decode(r httpapi.Request) (admission.Request, error) {
	var b *body
	if err := r.Decode(&b); err != nil {
		return admission.Request{}, err
	}
	invalid := func(detail, pointer string) (admission.Request, error) {
		return admission.Request{}, httpapi.NewProblem(httpapi.CodeInvalidRequest, detail).At(pointer)
	}
	switch {
	case b == nil:
		return invalid("The body must be an object.", "")
	case b.ConcertID == nil:
		return invalid("concertId is missing.", "/concertId")
	case b.Seats != nil && b.Best != nil:
		return invalid("Either seats or bestAvailable is wanted, not both.", "/bestAvailable")
	case b.Best != nil && b.Accessible != nil:
		return invalid("accessible is a member of bestAvailable there.", "/accessible")
	case b.Accessible != nil && (*b.Accessible < 0 || b.Seats != nil && *b.Accessible > len(*b.Seats)):
		return invalid("accessible must be a whole number from 0 to the number of seats.", "/accessible")
	case b.Seats != nil:
		request := admission.Request{ConcertID: *b.ConcertID, Seats: *b.Seats}
		if b.Accessible != nil {
			request.Accessible = *b.Accessible
		}
		return request, nil
	case b.Best == nil:
		return invalid("Either seats or bestAvailable is wanted.", "/seats")
	case b.Best.Quantity == nil:
		return invalid("quantity is missing.", "/bestAvailable/quantity")
	case *b.Best.Quantity < 1:
		return invalid("quantity must be a positive whole number.", "/bestAvailable/quantity")
	case b.Best.Section != nil && *b.Best.Section == "":
		return invalid("section must not be empty. Leave it out for any section.", "/bestAvailable/section")
	case b.Best.Accessible < 0 || b.Best.Accessible > *b.Best.Quantity:
		return invalid("accessible must be a whole number from 0 to quantity.", "/bestAvailable/accessible")
	}
	best := message.BestAvailable{Quantity: *b.Best.Quantity, Accessible: b.Best.Accessible}
	if b.Best.Section != nil {
		best.Section = *b.Best.Section
	}
	return admission.Request{ConcertID: *b.ConcertID, Best: &best}, nil
}
