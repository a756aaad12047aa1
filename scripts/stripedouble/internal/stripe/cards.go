package stripe

import "net/http"

// card is the behaviour of a test card.
type card struct {
	// decline is the error of a declined card, nil for any other.
	decline *Error
	// challenge is true if the bank asks the buyer first (3-D Secure).
	challenge bool
	// refund is the course of a refund: "" or "succeeded" succeeds at once, "pending" succeeds later, "failed" fails after it has
	// succeeded.
	refund string
	// disputed is true if the cardholder disputes each charge as soon as it is captured.
	disputed bool
}

func declined(code, decline, message string) card {
	return card{decline: &Error{HTTPStatus: http.StatusPaymentRequired, Type: TypeCard, Code: code, DeclineCode: decline, Message: message}}
}

const (
	declinedMessage = "Your card was declined."
	fundsMessage    = "Your card has insufficient funds."
)

// cards are Stripe's test payment methods, with the names of its documentation.
var cards = map[string]card{
	"pm_card_visa":       {},
	"pm_card_visa_debit": {},
	"pm_card_mastercard": {},
	"pm_card_amex":       {},

	"pm_card_chargeDeclined":                       declined("card_declined", "generic_decline", declinedMessage),
	"pm_card_visa_chargeDeclined":                  declined("card_declined", "generic_decline", declinedMessage),
	"pm_card_chargeDeclinedInsufficientFunds":      declined("card_declined", "insufficient_funds", fundsMessage),
	"pm_card_visa_chargeDeclinedInsufficientFunds": declined("card_declined", "insufficient_funds", fundsMessage),
	"pm_card_visa_chargeDeclinedLostCard":          declined("card_declined", "lost_card", declinedMessage),
	"pm_card_visa_chargeDeclinedStolenCard":        declined("card_declined", "stolen_card", declinedMessage),
	"pm_card_chargeDeclinedExpiredCard":            declined("expired_card", "expired_card", "Your card has expired."),
	"pm_card_chargeDeclinedIncorrectCvc":           declined("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
	"pm_card_chargeDeclinedProcessingError":        declined("processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."),

	"pm_card_threeDSecure2Required":  {challenge: true},
	"pm_card_threeDSecureRequired":   {challenge: true},
	"pm_card_authenticationRequired": {challenge: true},

	"pm_card_pendingRefund": {refund: "pending"},
	"pm_card_refundFail":    {refund: "failed"},
	"pm_card_createDispute": {disputed: true},
}

// numbers are the test card numbers that a buyer can type.
var numbers = map[string]string{
	"4242424242424242": "pm_card_visa",
	"5555555555554444": "pm_card_mastercard",
	"4000000000000002": "pm_card_visa_chargeDeclined",
	"4000000000009995": "pm_card_visa_chargeDeclinedInsufficientFunds",
	"4000000000000069": "pm_card_chargeDeclinedExpiredCard",
	"4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
	"4000000000000119": "pm_card_chargeDeclinedProcessingError",
	"4000002760003184": "pm_card_authenticationRequired",
	"4000000000003220": "pm_card_threeDSecure2Required",
	"4000000000007726": "pm_card_pendingRefund",
	"4000000000005126": "pm_card_refundFail",
	"4000000000000259": "pm_card_createDispute",
}

// MethodOfNumber returns the test payment method of a card number.
func MethodOfNumber(number string) (method string, ok bool) {
	method, ok = numbers[number]
	return method, ok
}

// others has the numbers of test payment methods that a buyer cannot type here.
var others = map[string]string{
	"pm_card_visa_debit": "4000056655665556",
	"pm_card_amex":       "378282246310005",

	"pm_card_chargeDeclined":                  "4000000000000002",
	"pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
	"pm_card_visa_chargeDeclinedLostCard":     "4000000000009987",
	"pm_card_visa_chargeDeclinedStolenCard":   "4000000000009979",
	"pm_card_threeDSecureRequired":            "4000000000003063",
}

// faceOf returns the brand and the last four digits of a test payment method.
func faceOf(method string) (brand, last4 string) {
	number := others[method]
	for typed, of := range numbers {
		if of == method {
			number = typed
		}
	}
	switch number[0] {
	case '5':
		brand = "mastercard"
	case '3':
		brand = "amex"
	default:
		brand = "visa"
	}
	return brand, number[len(number)-4:]
}
