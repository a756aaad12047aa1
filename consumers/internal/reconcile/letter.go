package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// known is what is known of a letter: its body and what follows from it, or its attributes if the body does not decode.
type known struct {
	// body is nil where it does not decode.
	body       message.Message
	attributes message.Attributes
}

func knownOf(letter Letter) known {
	k := known{attributes: letter.Attributes}
	m, err := message.Decode(letter.Body)
	if err != nil {
		return k
	}
	if encoded, err := message.Encode(m, letter.Attributes.Trace); err == nil {
		k.body, k.attributes = m, encoded.Attributes
	}
	return k
}

// names says whether the letter names an order and its seat group.
func (k known) names() bool {
	_, err := contracts.ParseOrderID(string(k.attributes.OrderID))
	return err == nil && k.attributes.SeatGroup().Validate() == nil
}

// maxUserID and maxTrace are the longest ids of a user and of a trace. Longer ones are none of ours: a row or a message has
// no room for just any.
const (
	maxUserID = 128
	maxTrace  = 128
)

// row is the row REJECTED(internal) that the buyer of a PlaceOrder is owed, unless the order has a row.
func (k known) row(letter Letter, now contracts.Instant) (row order.Order, owed bool) {
	if k.attributes.Kind != message.KindPlaceOrder || !k.names() {
		return row, false
	}
	cause := order.Cause{Kind: message.KindPlaceOrder, MessageID: letter.MessageID, At: now}
	if placed, read := k.body.(message.PlaceOrder); read {
		return order.NewRejected(placed, letter.Fence(), contracts.ReasonInternal, nil, cause), true
	}
	a := k.attributes
	if len(a.UserID) > maxUserID {
		a.UserID = "" // the tag of the order's id tells whose it is
	}
	return order.NewRejectedUnread(a, letter.Fence(), letter.SentAt, cause), true
}

// leadToVoid are the kinds whose loss may leave an authorisation that nothing gives back. README.md has what settles each of
// the other kinds.
var leadToVoid = map[message.Kind]bool{
	message.KindCancelOrder: true, message.KindSettleOrder: true, message.KindExpireHold: true,
	message.KindPaymentAuthorized: true, message.KindVoidPayment: true,
}

// steps are the messages that a letter leads to, if SQS moved it. Then its handler failed again and again, perhaps after it had
// ended the row and before it sent VoidPayment. The row decides whether there is something to void. A letter with a reason is
// poison: it was handled to its end, or can never be handled.
func (k known) steps(letter Letter) ([]message.Encoded, error) {
	if letter.Reason != "" || !leadToVoid[k.attributes.Kind] || !k.names() {
		return nil, nil
	}
	a, cause := k.attributes, causeOf(letter.MessageID)
	steps := []message.Message{message.VoidPayment{OrderID: a.OrderID, ConcertID: a.ConcertID, Group: a.Group, PaymentIntentID: k.intent(), CauseID: cause}}
	if a.Kind == message.KindPaymentAuthorized {
		// If the row is open or committed, this finds the authorisation again.
		steps = append(steps, message.CheckPayment{OrderID: a.OrderID, ConcertID: a.ConcertID, Group: a.Group, CauseID: cause})
	}
	if len(a.Trace) > maxTrace {
		a.Trace = ""
	}
	var all []message.Encoded
	for _, step := range steps {
		encoded, err := message.Encode(step, a.Trace)
		if err != nil {
			return nil, err
		}
		all = append(all, encoded)
	}
	return all, nil
}

// intent is the PaymentIntent that the letter names beside the row's, "" if none.
func (k known) intent() string {
	switch m := k.body.(type) {
	case message.PaymentAuthorized:
		return m.PaymentIntentID
	case message.VoidPayment:
		return m.PaymentIntentID
	default:
		return ""
	}
}

// causeOf names a letter by its message, so that it has one cause however often it is drained.
func causeOf(messageID string) string {
	cause := "dlq_" + strings.ReplaceAll(messageID, "-", "")
	if !message.ValidCauseID(cause) {
		// SQS has UUIDs as message ids; an emulator may have others.
		sum := sha256.Sum256([]byte(messageID))
		cause = "dlq_" + hex.EncodeToString(sum[:16])
	}
	return cause
}
