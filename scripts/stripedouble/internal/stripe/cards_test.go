package stripe

import "testing"

// Each test payment method is a card with a brand and four digits, those of its number.
func TestEveryCardHasAFace(t *testing.T) {
	for method := range cards {
		if brand, last4 := faceOf(method); brand == "" || len(last4) != 4 {
			t.Errorf("%s is %q %q", method, brand, last4)
		}
	}
	for method, want := range map[string]string{
		"pm_card_visa": "visa 4242", "pm_card_mastercard": "mastercard 4444", "pm_card_amex": "amex 0005", "pm_card_threeDSecure2Required": "visa 3220",
	} {
		if brand, last4 := faceOf(method); brand+" "+last4 != want {
			t.Errorf("%s is %s %s, want %s", method, brand, last4, want)
		}
	}
}
