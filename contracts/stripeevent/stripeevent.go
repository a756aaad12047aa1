// Package stripeevent says what each event of Stripe means to the pipeline: which message it becomes, and which events
// are none of ours. The webhook and the fetching of lost events share it, so that an event means the same whichever way
// it came.
//
// Every PaymentIntent that we make carries metadata that names the environment, order, concert and seat group. An event is a
// hint: what it says is compared with the row before it counts.
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

// APIVersion is the version of Stripe's API in which events are read here. One of another version is read all the same: it
// may well have the same members.
const APIVersion = "2023-10-16"

// Names of the metadata of every PaymentIntent and refund.
const (
	MetadataEnvironment = "environment"
	MetadataOrder       = "orderId"
	MetadataConcert     = "concertId"
	MetadataGroup       = "seatGroup"
)

// Types of events that become messages. All others are answered and forgotten; payment_intent.succeeded too, since it
// only says what our own capture was answered.
const (
	TypeAuthorized = "payment_intent.amount_capturable_updated"
	TypeDeclined   = "payment_intent.payment_failed"
	TypeCanceled   = "payment_intent.canceled"
)

// Types lists them.
func Types() []string { return []string{TypeAuthorized, TypeDeclined, TypeCanceled} }

// Intent is the part of a PaymentIntent that we go by.
type Intent struct {
	ID               string `json:"id"`
	Object           string `json:"object"`
	Amount           int64  `json:"amount"`
	AmountCapturable int64  `json:"amount_capturable"`
	// AmountReceived is what was captured.
	AmountReceived   int64             `json:"amount_received"`
	Currency         string            `json:"currency"`
	Livemode         bool              `json:"livemode"`
	Status           string            `json:"status"`
	Metadata         map[string]string `json:"metadata"`
	LastPaymentError *CardError        `json:"last_payment_error"`
}

// CardError is why the last card of a PaymentIntent was refused.
type CardError struct {
	Code        string `json:"code"`
	DeclineCode string `json:"decline_code"`
	Message     string `json:"message"`
}

// Event is the part of an event that we go by.
type Event struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created int64  `json:"created"`
	// APIVersion is the one that the event was made in; "" if it does not say.
	APIVersion string `json:"api_version"`
	// Livemode says whether the event is about real money. Anything but true is read as false.
	Livemode isTrue `json:"livemode"`
	Data     struct {
		Object Intent `json:"object"`
	} `json:"data"`

	// tellsMode says that livemode was there.
	tellsMode bool
	// unreadable is why an event of Types could not be read as one.
	unreadable error
}

// Mode is that of the keys with which what the event is about was made. An event that does not say so is of test mode.
func (e Event) Mode() message.PaymentMode { return message.ModeOf(bool(e.Livemode)) }

// OfOtherMode says whether the event is of another mode than this one. Each event of Types has a mode. One of another type may
// have a form that does not tell it, and is then of no other.
func (e Event) OfOtherMode(mode message.PaymentMode) bool {
	return e.Mode() != mode && (e.OfOurType() || e.tellsMode)
}

// isTrue takes any JSON, so that an event that is none of ours is read whatever its shape.
type isTrue bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *isTrue) UnmarshalJSON(text []byte) error {
	*t = string(text) == "true"
	return nil
}

// ErrInvalid is a body that does not say which event it is, or an event of ours that nobody can act on.
var ErrInvalid = errors.New("event is not valid")

// Parse reads an event. Its type counts first: of an event that is none of Types nothing else has to be there or be of any
// form, since Stripe has several forms of events and makes new ones. The error is ErrInvalid: a body that is no JSON object,
// or one without a type. That an event of Types cannot be read is said by Message.
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
	// A member that cannot be read is passed over, and the others are there: whose event it is may be among them.
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

// text is a JSON string; "" for anything else.
func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// OfOurType says whether the event is one of Types.
func (e Event) OfOurType() bool {
	kind := e.Type
	return kind == TypeAuthorized || kind == TypeDeclined || kind == TypeCanceled
}

// Message is what the event becomes. ok is false for one that is none of ours: another type, or another environment's,
// which shares the account. The error is ErrInvalid: an event of ours that cannot be read, or whose metadata nobody could act
// on. One that cannot be read and names no environment may be ours.
func (e Event) Message(environment string) (m message.Message, ok bool, err error) {
	i := e.Data.Object
	named := i.Metadata[MetadataEnvironment] // "" too if it is there in a form that cannot be read
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

// Authorized is the message about a PaymentIntent whose amount is put aside. cause is the event's id, or what found it.
func Authorized(i Intent, order contracts.OrderID, g contracts.SeatGroup, cause string) message.PaymentAuthorized {
	// What can be captured is what counts; a part of the amount is a mismatch with the row. So is an amount that cannot be
	// counted here: no order costs nothing.
	amount, err := contracts.MoneyFromStripe(i.AmountCapturable, i.Currency)
	if err != nil {
		amount = contracts.Money{Currency: strings.ToUpper(i.Currency)}
	}
	return message.PaymentAuthorized{
		OrderID: order, ConcertID: g.ConcertID, Group: g.Group, EventID: cause, PaymentIntentID: i.ID, Amount: amount, Mode: message.ModeOf(i.Livemode),
	}
}

// notForCardholders are the decline codes that Stripe asks to be shown as any other decline (docs.stripe.com/declines/codes): who
// pays with a stolen card must not learn that it is known to be stolen, and whose card is watched must not learn that.
var notForCardholders = []string{"fraudulent", "lost_card", "stolen_card", "pickup_card", "restricted_card", "merchant_blacklist", "security_violation"}

// genericDecline stands for them, with the words of any decline.
const (
	genericDecline = "generic_decline"
	declinedText   = "Your card was declined."
)

// decline is why the last card was refused: the decline's own code says more than "card_declined".
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
	// No message can carry these two, and Stripe would send the event in vain.
	text = strings.NewReplacer("\uFFFE", "\uFFFD", "\uFFFF", "\uFFFD").Replace(text)
	if r := []rune(text); len(r) > message.MaxDeclineText {
		text = string(r[:message.MaxDeclineText])
	}
	return code, text
}
