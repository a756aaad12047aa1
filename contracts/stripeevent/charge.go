package stripeevent

import (
	"encoding/json"

	"boxoffice/contracts/readmodel"
)

// Charge is the part of a PaymentIntent's latest charge that this pipeline uses.
type Charge struct {
	// Card is the card that was charged. It is nil if Stripe does not say, as in an event and in every answer that was not asked
	// for the charge.
	Card *readmodel.Card
}

// UnmarshalJSON implements json.Unmarshaler. It never fails: an event has only the charge's id here, and what cannot be read of a
// card must not stop a payment. A card is left out unless its last digits are four digits, so that no other number, longer or
// shorter, is ever stored or shown.
func (c *Charge) UnmarshalJSON(text []byte) error {
	*c = Charge{}
	var shown struct {
		Details struct {
			Card struct {
				Brand string `json:"brand"`
				Last4 string `json:"last4"`
			} `json:"card"`
		} `json:"payment_method_details"`
	}
	if json.Unmarshal(text, &shown) != nil {
		return nil
	}
	if card := readmodel.Card(shown.Details.Card); card.Valid() {
		c.Card = &card
	}
	return nil
}
