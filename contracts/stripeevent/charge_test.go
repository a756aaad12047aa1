package stripeevent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
)

// Whatever Stripe says about a charge, a PaymentIntent is read, and a card is known only if it is a brand and four digits.
func TestTheCardOfACharge(t *testing.T) {
	card := func(brand, last4 string) string {
		return `{"id":"ch_1","payment_method_details":{"card":{"brand":` + brand + `,"last4":` + last4 + `,"fingerprint":"f"},"type":"card"}}`
	}
	for charge, want := range map[string]*readmodel.Card{
		card(`"visa"`, `"4242"`):                        {Brand: "visa", Last4: "4242"},
		card(`"cartes_bancaires"`, `"0007"`):            {Brand: "cartes_bancaires", Last4: "0007"},
		card(`"unknown"`, `"1111"`):                     {Brand: "unknown", Last4: "1111"},
		card(`"visa"`, `"4242424242424242"`):            nil,
		card(`"visa"`, `"424"`):                         nil,
		card(`"visa"`, `"42x2"`):                        nil,
		card(`"visa"`, `"٤٢٤٢"`):                        nil,
		card(`"visa"`, `null`):                          nil,
		card(`"visa"`, `4242`):                          nil,
		card(`null`, `"4242"`):                          nil,
		card(`"4242424242424242"`, `"4242"`):            nil,
		card(`"Visa <b>"`, `"4242"`):                    nil,
		card(`"`+strings.Repeat("a", 33)+`"`, `"4242"`): nil,
		`"ch_1"`:                          nil,
		`null`:                            nil,
		`7`:                               nil,
		`{}`:                              nil,
		`{"payment_method_details":null}`: nil,
		`{"payment_method_details":{"type":"sepa_debit","sepa_debit":{"last4":"3000"}}}`: nil,
	} {
		var i stripeevent.Intent
		if err := json.Unmarshal([]byte(`{"id":"pi_1","object":"payment_intent","latest_charge":`+charge+`,"status":"succeeded"}`), &i); err != nil || i.Status != "succeeded" {
			t.Errorf("%s: %+v, %v", charge, i, err)
			continue
		}
		if got := i.LatestCharge.Card; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: got %+v, want %+v", charge, got, want)
		}
	}
}
