package frame_test

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/frame"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
)

func TestEveryFrameNamesItsType(t *testing.T) {
	for want, value := range map[string]any{
		frame.TypePong: frame.NewPong(), frame.TypeError: frame.NewError(frame.CodeUnknownType, "x"), frame.TypeOrder: frame.NewOrder(orderview.Order{}),
	} {
		encoded, err := json.Marshal(value)
		if err != nil || !strings.HasPrefix(string(encoded), `{"type":"`+want+`"`) {
			t.Errorf("%s, %v", encoded, err)
		}
	}
}

// A frame is made of the view without a publishable key, which has no secret whatever the row has.
func TestAnOrdersFrameHasNoSecret(t *testing.T) {
	row := readmodel.Order{
		OrderID: "e1", Version: 2, Status: contracts.AwaitingPayment, Payment: &readmodel.Payment{
			IntentID: "pi_1", ClientSecret: "c4n4ry", LastError: &readmodel.PaymentError{Code: "card_declined", Message: "x"},
		},
	}
	encoded, err := json.Marshal(frame.NewOrder(orderview.Of(row, orderview.With{Timeline: true, Card: true, Payment: true})))
	if err != nil || strings.Contains(string(encoded), "c4n4ry") || !strings.Contains(string(encoded), `"version":2`) {
		t.Errorf("%s, %v", encoded, err)
	}
}
