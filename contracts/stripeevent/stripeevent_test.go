package stripeevent_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

const (
	order    = "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4"
	metadata = `{"environment":"dev","orderId":"` + order + `","concertId":"nocturne-2030","seatGroup":"parkett-left"}`
)

func event(kind, metadata, more string) string {
	return fmt.Sprintf(`{"id":"evt_1","object":"event","api_version":"2023-10-16","created":1800003600,"livemode":false,"type":%q,
		"data":{"object":{"id":"pi_1","object":"payment_intent","amount":12000,"amount_capturable":12000,"currency":"eur","livemode":false,
		"status":"requires_capture","unknown":{"to":"us"},"metadata":%s%s}}}`, kind, metadata, more)
}

func TestEachEventBecomesItsMessage(t *testing.T) {
	long := strings.Repeat("ä", message.MaxDeclineText+10)
	declined := func(more string) string {
		return event(stripeevent.TypeDeclined, metadata, `,"last_payment_error":`+more)
	}
	want := func(code, text string) message.PaymentDeclined {
		return message.PaymentDeclined{OrderID: order, ConcertID: "nocturne-2030", Group: "parkett-left", EventID: "evt_1", At: 1800003600000, Code: code, Text: text}
	}
	for name, c := range map[string]struct {
		body string
		want message.Message
	}{
		"authorised": {event(stripeevent.TypeAuthorized, metadata, ""), message.PaymentAuthorized{
			OrderID: order, ConcertID: "nocturne-2030", Group: "parkett-left", EventID: "evt_1", PaymentIntentID: "pi_1",
			Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Mode: message.ModeTest,
		}},
		"authorised in part, live": {event(stripeevent.TypeAuthorized, metadata, `,"amount_capturable":7000,"livemode":true`), message.PaymentAuthorized{
			OrderID: order, ConcertID: "nocturne-2030", Group: "parkett-left", EventID: "evt_1", PaymentIntentID: "pi_1",
			Amount: contracts.Money{Minor: 7000, Currency: "EUR"}, Mode: message.ModeLive,
		}},
		"declined for a reason":   {declined(`{"code":"card_declined","decline_code":"insufficient_funds","message":"No funds."}`), want("insufficient_funds", "No funds.")},
		"failed at the bank":      {declined(`{"code":"payment_intent_authentication_failure","message":"Not you."}`), want("payment_intent_authentication_failure", "Not you.")},
		"declined without a word": {declined(`null`), want("card_declined", "Your card was declined.")},
		"declined at length":      {declined(`{"code":"card_declined","message":"` + long + `"}`), want("card_declined", strings.Repeat("ä", message.MaxDeclineText))},
		"declined unspeakably":    {declined(`{"code":"card_declined","message":"No\ufffe\uffff."}`), want("card_declined", "No\uFFFD\uFFFD.")},
		"cancelled": {event(stripeevent.TypeCanceled, metadata, ""), message.CheckPayment{
			OrderID: order, ConcertID: "nocturne-2030", Group: "parkett-left", CauseID: "evt_1",
		}},
	} {
		e, err := stripeevent.Parse([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, ok, err := e.Message("dev")
		if err != nil || !ok || !reflect.DeepEqual(m, c.want) {
			t.Errorf("%s: %+v, %v, %v", name, m, ok, err)
		}
	}
}

func TestEventsOfOthersBecomeNoMessage(t *testing.T) {
	for name, body := range map[string]string{
		"captured by ourselves":    event("payment_intent.succeeded", metadata, ""),
		"another environment's":    event(stripeevent.TypeAuthorized, strings.Replace(metadata, "dev", "prod", 1), ""),
		"without metadata":         event(stripeevent.TypeAuthorized, `{}`, ""),
		"of another kind":          `{"id":"evt_1","object":"event","type":"customer.created","created":1,"data":{"object":{"id":7}}}`,
		"a type that is not known": `{"id":"evt_1","object":"event","type":"x","created":1}`,
	} {
		e, err := stripeevent.Parse([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m, ok, err := e.Message("dev"); ok || err != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// An event of another type is ignored, whatever its form. If it were refused, Stripe would send it again for days, and a new form
// of such an event would raise an alarm for nothing.
func TestAnEventOfAnotherTypeMayHaveAnyForm(t *testing.T) {
	for name, body := range map[string]string{
		"a thin event": `{"id":"evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA8mPEm","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered",
			"livemode":false,"created":"2024-09-17T06:20:52.246Z","context":null,"reason":null,
			"related_object":{"id":"mtr_123","type":"billing.meter","url":"/v1/billing/meters/mtr_123"}}`,
		"a thin event of a PaymentIntent": `{"id":"evt_2","object":"v2.core.event","type":"v1.payment_intent.canceled","created":"2026-09-18T19:56:56.947Z",
			"related_object":{"id":"pi_1","type":"payment_intent","url":"/v1/payment_intents/pi_1"}}`,
		"a thin event with data":   `{"id":"evt_3","object":"v2.core.event","type":"v2.core.account.updated","data":{"reason":{"error_count":1}}}`,
		"the ping of a new route":  `{"id":"evt_test_ping","object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2026-09-18T19:56:56.947Z","reason":null}`,
		"a type alone":             `{"type":"customer.created"}`,
		"a type of ours, prefixed": `{"object":"event","type":"v1.payment_intent.payment_failed","data":7}`,
		"members of other types":   `{"id":7,"object":[],"type":"customer.created","created":"now","api_version":2031.1,"data":[{}],"livemode":"yes"}`,
		"null all over":            `{"id":null,"object":null,"type":"customer.created","created":null,"api_version":null,"data":null}`,
		"an amount out of range":   `{"id":"evt_4","object":"event","type":"payment_intent.created","created":1e400,"data":{"object":{"amount":1e400}}}`,
	} {
		e, err := stripeevent.Parse([]byte(body))
		if err != nil || e.OfOurType() {
			t.Errorf("%s: %+v, %v", name, e, err)
			continue
		}
		if m, ok, err := e.Message("dev"); ok || err != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// An event of one of our types belongs to another product on the same account if its environment says so, whatever else its
// PaymentIntent has.
func TestAnEventOfAnotherEnvironmentMayHaveAnyForm(t *testing.T) {
	others := strings.Replace(metadata, "dev", "prod", 1)
	for name, more := range map[string]string{
		"an amount as text":        `,"amount":"12000"`,
		"another object":           `,"object":"payment_attempt"`,
		"an error of another form": `,"last_payment_error":"declined"`,
		"no id":                    `,"id":null`,
		"a list of orders":         ``,
	} {
		body := event(stripeevent.TypeDeclined, others, more)
		if name == "a list of orders" {
			body = event(stripeevent.TypeDeclined, `{"environment":"prod","orderId":["e1","e2"]}`, "")
		}
		e, err := stripeevent.Parse([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m, ok, err := e.Message("dev"); ok || err != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// A body without a type, and an event of ours that cannot be read or names no order, are refused: Stripe sends them again, and an
// operator sees them. Parse accepts the second kind, so that one such event does not stop a page of others.
func TestUnusableEventsAreInvalid(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": `event`, "half of it": `{"id":"evt_1","type":"customer.created"`, "nothing": ``, "no object": `[]`, "null": `null`, "a text": `"customer.created"`,
		"no type": `{"id":"evt_1","object":"event"}`, "an empty type": `{"type":""}`, "a type of no text": `{"type":7}`, "null for a type": `{"type":null}`,
		"two bodies": `{"type":"customer.created"}{"type":"customer.created"}`,
	} {
		if e, err := stripeevent.Parse([]byte(body)); !errors.Is(err, stripeevent.ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	authorized := event(stripeevent.TypeAuthorized, metadata, "")
	for name, body := range map[string]string{
		"no id":                               strings.Replace(authorized, `"id":"evt_1",`, ``, 1),
		"of no intent":                        strings.Replace(authorized, `"object":"payment_intent"`, `"object":"charge"`, 1),
		"of a wrong type":                     strings.Replace(authorized, `"amount":12000`, `"amount":"12000"`, 1),
		"of another API":                      strings.Replace(authorized, `"object":"event"`, `"object":"v2.core.event"`, 1),
		"at no time":                          strings.Replace(authorized, `"created":1800003600`, `"created":"2026-09-18T19:56:56.947Z"`, 1),
		"a thin one":                          `{"id":"evt_1","object":"v2.core.event","type":"payment_intent.canceled","related_object":{"id":"pi_1"}}`,
		"without data":                        `{"id":"evt_1","object":"event","type":"payment_intent.canceled","created":1}`,
		"an object as text":                   `{"id":"evt_1","object":"event","type":"payment_intent.canceled","created":1,"data":{"object":"pi_1"}}`,
		"of ours by a number":                 strings.Replace(event(stripeevent.TypeDeclined, metadata, `,"last_payment_error":7`), `"amount":12000`, `"amount":{}`, 1),
		"of an environment in a form to come": event(stripeevent.TypeCanceled, `{"environment":{"value":"dev"},"orderId":"`+order+`"}`, ""),
		"metadata in a form to come":          event(stripeevent.TypeCanceled, `[{"name":"environment","value":"dev"}]`, ""),
		"without an order":                    event(stripeevent.TypeAuthorized, `{"environment":"dev","concertId":"c","seatGroup":"g"}`, ""),
		"without a group":                     event(stripeevent.TypeAuthorized, `{"environment":"dev","concertId":"c","orderId":"`+order+`"}`, ""),
		"of a forged order":                   event(stripeevent.TypeCanceled, `{"environment":"dev","concertId":"c","seatGroup":"g","orderId":"x"}`, ""),
	} {
		e, err := stripeevent.Parse([]byte(body))
		if err != nil || !e.OfOurType() {
			t.Errorf("%s: %+v, %v", name, e, err)
			continue
		}
		if m, ok, err := e.Message("dev"); ok || !errors.Is(err, stripeevent.ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// Neither the code nor the text may tell a cardholder that the card is known to be stolen or is watched.
func TestSensitiveDeclinesAreShownAsGeneric(t *testing.T) {
	for _, code := range []string{"fraudulent", "lost_card", "stolen_card", "pickup_card", "restricted_card", "merchant_blacklist", "security_violation"} {
		for name, e := range map[string]*stripeevent.CardError{
			"decline code": {Code: "card_declined", DeclineCode: code, Message: "This card is reported as " + code + "."},
			"code":         {Code: code, Message: "This card is reported as " + code + "."},
			"both":         {Code: code, DeclineCode: "do_not_honor", Message: code},
		} {
			event := stripeevent.Event{ID: "evt_1", Type: stripeevent.TypeDeclined, Created: 1_790_000_000}
			event.Data.Object = stripeevent.Intent{ID: "pi_1", Object: "payment_intent", Currency: "eur", LastPaymentError: e, Metadata: map[string]string{
				stripeevent.MetadataEnvironment: "here", stripeevent.MetadataOrder: "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", stripeevent.MetadataConcert: "c", stripeevent.MetadataGroup: "g",
			}}
			m, ours, err := event.Message("here")
			declined, ok := m.(message.PaymentDeclined)
			if err != nil || !ours || !ok || declined.Code != "generic_decline" || declined.Text != "Your card was declined." {
				t.Errorf("%s, %s: %+v, %t, %v", code, name, m, ours, err)
			}
		}
	}
}

// Amounts that Stripe counts in other units are converted back. An amount that Money cannot hold matches no order.
func TestAuthorizedAmounts(t *testing.T) {
	g := contracts.SeatGroup{ConcertID: "c", Group: "g"}
	for _, test := range []struct {
		amount   int64
		currency string
		want     contracts.Money
	}{
		{4500, "eur", contracts.Money{Minor: 4500, Currency: "EUR"}},
		{500_000, "isk", contracts.Money{Minor: 5000, Currency: "ISK"}},
		{500_050, "isk", contracts.Money{Minor: 0, Currency: "ISK"}},
		{5000, "jpy", contracts.Money{Minor: 5000, Currency: "JPY"}},
		{5000, "xyz", contracts.Money{Minor: 0, Currency: "XYZ"}},
	} {
		m := stripeevent.Authorized(stripeevent.Intent{ID: "pi_1", AmountCapturable: test.amount, Currency: test.currency}, "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", g, "evt_1")
		if m.Amount != test.want || m.Validate() != nil {
			t.Errorf("%d %s: %v, %v", test.amount, test.currency, m.Amount, m.Validate())
		}
	}
}
