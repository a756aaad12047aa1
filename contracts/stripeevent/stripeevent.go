// Package stripeevent turns Stripe's events into messages and says which events do not concern this pipeline. The webhook and
// the fetching of undelivered events both use it, so that an event means the same whichever way it arrives.
//
// Every PaymentIntent of this pipeline has metadata that names the environment, order, concert and seat group. An event is only
// a hint: handlers compare it with the order's row before they act.
package stripeevent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// APIVersion is the version of Stripe's API for which this package reads events. An event of another version is read too: it
// probably has the same members.
const APIVersion = "2023-10-16"

// Keys of the metadata of every PaymentIntent and refund.
const (
	MetadataEnvironment = "environment"
	MetadataOrder       = "orderId"
	MetadataConcert     = "concertId"
	MetadataGroup       = "seatGroup"
)

// Types of events that become messages. All others are ignored, also payment_intent.succeeded: the answer to our own capture
// has said the same.
const (
	TypeAuthorized = "payment_intent.amount_capturable_updated"
	TypeDeclined   = "payment_intent.payment_failed"
	TypeCanceled   = "payment_intent.canceled"
)

// Types lists the types of events that become messages.
func Types() []string { return []string{TypeAuthorized, TypeDeclined, TypeCanceled} }

// Intent is the part of a PaymentIntent that this pipeline uses.
type Intent struct {
	ID               string `json:"id"`
	Object           string `json:"object"`
	Amount           int64  `json:"amount"`
	AmountCapturable int64  `json:"amount_capturable"`
	// AmountReceived is the captured amount.
	AmountReceived   int64             `json:"amount_received"`
	Currency         string            `json:"currency"`
	Livemode         bool              `json:"livemode"`
	Status           string            `json:"status"`
	Metadata         map[string]string `json:"metadata"`
	LastPaymentError *CardError        `json:"last_payment_error"`
	LatestCharge     Charge            `json:"latest_charge"`
}

// CardError says why the last card of a PaymentIntent was refused.
type CardError struct {
	Code        string `json:"code"`
	DeclineCode string `json:"decline_code"`
	Message     string `json:"message"`
}

// Event is the part of an event that this pipeline uses.
type Event struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created int64  `json:"created"`
	// APIVersion is the API version in which the event was rendered; "" if the event does not say.
	APIVersion string `json:"api_version"`
	// Livemode says whether the event is about real money. Every value except true is read as false.
	Livemode isTrue `json:"livemode"`
	Data     struct {
		Object Intent `json:"object"`
	} `json:"data"`

	// tellsMode means that livemode was present.
	tellsMode bool
	// unreadable is why an event of one of Types could not be read.
	unreadable error
}

// Mode returns the mode of the event. It is ModeTest if the event does not say.
func (e Event) Mode() message.PaymentMode { return message.ModeOf(bool(e.Livemode)) }

// OfOtherMode reports whether the event is of another mode than mode. It returns false for an event that names no mode and is
// of a type that does not become a message.
func (e Event) OfOtherMode(mode message.PaymentMode) bool {
	return e.Mode() != mode && (e.OfOurType() || e.tellsMode)
}

// isTrue accepts any JSON, so that an event of another product can be read whatever its form.
type isTrue bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *isTrue) UnmarshalJSON(text []byte) error {
	*t = string(text) == "true"
	return nil
}

// ErrInvalid means that a body names no type of event, or that no handler could act on an event of ours.
var ErrInvalid = errors.New("event is not valid")

// Parse reads an event. It fails with ErrInvalid only if the body is no JSON object or has no type. Of an event of another type
// than Types it requires nothing else, since Stripe has several forms of events and adds new ones. If an event of one of Types
// cannot be read, Message returns the error.
func Parse(body []byte) (Event, error) {
	var head struct {
		ID         json.RawMessage `json:"id"`
		Object     json.RawMessage `json:"object"`
		Type       string          `json:"type"`
		APIVersion json.RawMessage `json:"api_version"`
		Livemode   json.RawMessage `json:"livemode"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if head.Type == "" {
		return Event{}, fmt.Errorf("%w: it has no type", ErrInvalid)
	}
	live := string(head.Livemode)
	e := Event{Type: head.Type, Livemode: live == "true", tellsMode: live == "true" || live == "false"}
	if !e.OfOurType() {
		e.ID, e.APIVersion = text(head.ID), text(head.APIVersion)
		return e, nil
	}
	// A member that cannot be read does not stop the others, which may say to which environment the event belongs.
	e.unreadable = json.Unmarshal(body, &e)
	kind, o := text(head.Object), e.Data.Object
	switch {
	case e.unreadable != nil:
	case e.ID == "" || kind != "event":
		e.unreadable = fmt.Errorf("id %q, object %q", e.ID, kind)
	case o.Object != "payment_intent" || o.ID == "":
		e.unreadable = fmt.Errorf("it is about an object %q, id %q", o.Object, o.ID)
	}
	return e, nil
}

// text returns the value of a JSON string, or "" for any other JSON.
func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// OfOurType reports whether the type of the event is one of Types.
func (e Event) OfOurType() bool {
	kind := e.Type
	return kind == TypeAuthorized || kind == TypeDeclined || kind == TypeCanceled
}

// Message returns the message that the event becomes. ok is false for an event that does not concern this pipeline: it has
// another type, or it belongs to another environment that shares the Stripe account. It fails with ErrInvalid if the event
// cannot be read or no handler could act on its metadata. An event that cannot be read and names no environment counts as ours.
func (e Event) Message(environment string) (m message.Message, ok bool, err error) {
	i := e.Data.Object
	named := i.Metadata[MetadataEnvironment] // also "" if it cannot be read
	switch {
	case !e.OfOurType(), named != "" && named != environment:
		return nil, false, nil
	case e.unreadable != nil:
		return nil, false, fmt.Errorf("%w: %s: %w", ErrInvalid, e.Type, e.unreadable)
	case named == "":
		return nil, false, nil
	}
	group, err := contracts.ParseSeatGroup(i.Metadata[MetadataConcert] + "#" + i.Metadata[MetadataGroup])
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w", ErrInvalid, i.ID, err)
	}
	order := contracts.OrderID(i.Metadata[MetadataOrder])
	switch e.Type {
	case TypeAuthorized:
		m = Authorized(i, order, group, e.ID)
	case TypeDeclined:
		code, text := i.decline()
		m = message.PaymentDeclined{
			OrderID: order, ConcertID: group.ConcertID, Group: group.Group, EventID: e.ID,
			At: contracts.InstantOf(time.Unix(e.Created, 0)), Code: code, Text: text,
		}
	default:
		m = message.CheckPayment{OrderID: order, ConcertID: group.ConcertID, Group: group.Group, CauseID: e.ID}
	}
	if err := m.Validate(); err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w", ErrInvalid, i.ID, err)
	}
	return m, true, nil
}

// Authorized returns the message about a PaymentIntent whose amount is authorised. cause is the id of the event or of the check
// that found the authorisation.
func Authorized(i Intent, order contracts.OrderID, g contracts.SeatGroup, cause string) message.PaymentAuthorized {
	// The message has the amount that can be captured: if it is a part of the price, the handler finds a mismatch with the row.
	// An amount that Money cannot hold becomes 0, which mismatches every order.
	amount, err := contracts.MoneyFromStripe(i.AmountCapturable, i.Currency)
	if err != nil {
		amount = contracts.Money{Currency: strings.ToUpper(i.Currency)}
	}
	return message.PaymentAuthorized{
		OrderID: order, ConcertID: g.ConcertID, Group: g.Group, EventID: cause, PaymentIntentID: i.ID, Amount: amount, Mode: message.ModeOf(i.Livemode),
	}
}

// notForCardholders are the decline codes that Stripe asks to show as a generic decline (docs.stripe.com/declines/codes): a
// buyer with a stolen card must not learn that the theft is known, and a cardholder must not learn of a suspicion.
var notForCardholders = []string{"fraudulent", "lost_card", "stolen_card", "pickup_card", "restricted_card", "merchant_blacklist", "security_violation"}

// genericDecline and declinedText replace such a code and its text.
const (
	genericDecline = "generic_decline"
	declinedText   = "Your card was declined."
)

// decline returns why the last card was refused. It prefers the decline code, which says more than the error code
// "card_declined".
func (i Intent) decline() (code, text string) {
	code, text = "card_declined", declinedText
	if e := i.LastPaymentError; e != nil {
		for _, c := range []string{e.DeclineCode, e.Code} {
			if c != "" {
				code = c
				break
			}
		}
		if e.Message != "" {
			text = e.Message
		}
		if slices.Contains(notForCardholders, e.DeclineCode) || slices.Contains(notForCardholders, e.Code) {
			code, text = genericDecline, declinedText
		}
	}
	// SQS accepts these two characters in no message, so the event would fail however often Stripe sent it.
	text = strings.NewReplacer("\uFFFE", "\uFFFD", "\uFFFF", "\uFFFD").Replace(text)
	if r := []rune(text); len(r) > message.MaxDeclineText {
		text = string(r[:message.MaxDeclineText])
	}
	return code, text
}
