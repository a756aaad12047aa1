package readmodel

// Card is what a buyer may read of the card that paid an order. It is never a number that could pay.
type Card struct {
	// Brand is Stripe's word, for example visa.
	Brand string `dynamodbav:"brand"`
	// Last4 are the last four digits of the number.
	Last4 string `dynamodbav:"last4"`
}

// maxBrand bounds the name of a brand. The longest of Stripe's has 16 letters.
const maxBrand = 32

// Valid reports whether the brand is 1 to 32 of a-z and "_", and Last4 is four digits.
func (c Card) Valid() bool {
	if c.Brand == "" || len(c.Brand) > maxBrand || len(c.Last4) != 4 {
		return false
	}
	for i := range len(c.Brand) {
		if letter := c.Brand[i]; letter != '_' && (letter < 'a' || letter > 'z') {
			return false
		}
	}
	for i := range len(c.Last4) {
		if c.Last4[i] < '0' || c.Last4[i] > '9' {
			return false
		}
	}
	return true
}
