package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// content is what a letter says: its body and the attributes made from it, or its own attributes if the body does not decode.
type content struct {
	// body is nil if it does not decode.
	body       message.Message
	attributes message.Attributes
}

func contentOf(letter Letter) content {
	c := content{attributes: letter.Attributes}
	m, err := message.Decode(letter.Body)
	if err != nil {
		return c
	}
	if encoded, err := message.Encode(m, letter.Attributes.Trace); err == nil {
		c.body, c.attributes = m, encoded.Attributes
	}
	return c
}

// namesOrder says whether the letter names an order and its seat group.
func (c content) namesOrder() bool {
	_, err := contracts.ParseOrderID(string(c.attributes.OrderID))
	return err == nil && c.attributes.SeatGroup().Validate() == nil
}

// maxUserID and maxTrace bound the ids of a user and of a trace. Our own are shorter, and a row or a message has no room for an id
// of any length.
const (
	maxUserID = 128
	maxTrace  = 128
)

// owedRow returns the row REJECTED(internal) that the buyer of a PlaceOrder gets if the order has no row.
func (c content) owedRow(letter Letter, now contracts.Instant) (row order.Order, owed bool) {
	if c.attributes.Kind != message.KindPlaceOrder || !c.namesOrder() {
		return row, false
	}
	cause := order.Cause{Kind: message.KindPlaceOrder, MessageID: letter.MessageID, At: now}
	if placed, read := c.body.(message.PlaceOrder); read {
		return order.NewRejected(placed, letter.Fence(), contracts.ReasonInternal, nil, cause), true
	}
	a := c.attributes
	if len(a.UserID) > maxUserID {
		a.UserID = "" // the tag of the order's id identifies the user
	}
	return order.NewRejectedUnread(a, letter.Fence(), letter.SentAt, cause), true
}

// leadToVoid has the kinds whose loss may leave an authorisation that nothing else cancels. README.md says what completes the work
// of each of the other kinds.
var leadToVoid = map[message.Kind]bool{
	message.KindCancelOrder: true, message.KindSettleOrder: true, message.KindExpireHold: true,
	message.KindPaymentAuthorized: true, message.KindVoidPayment: true,
}

// steps returns the messages that a letter leads to, if SQS moved it. Its handler failed on every receive, perhaps after it ended
// the row and before it sent VoidPayment. The row decides whether there is something to void. A letter with a reason leads to
// none: it is poison, and was handled completely or can never be handled.
func (c content) steps(letter Letter) ([]message.Encoded, error) {
	if letter.Reason != "" || !leadToVoid[c.attributes.Kind] || !c.namesOrder() {
		return nil, nil
	}
	a, cause := c.attributes, causeOf(letter.MessageID)
	steps := []message.Message{message.VoidPayment{OrderID: a.OrderID, ConcertID: a.ConcertID, Group: a.Group, PaymentIntentID: c.intent(), CauseID: cause}}
	if a.Kind == message.KindPaymentAuthorized {
		// If the row is open or committed, the check finds the authorisation again.
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

// intent returns the PaymentIntent that the letter names, "" if none.
func (c content) intent() string {
	switch m := c.body.(type) {
	case message.PaymentAuthorized:
		return m.PaymentIntentID
	case message.VoidPayment:
		return m.PaymentIntentID
	default:
		return ""
	}
}

// causeOf returns the cause of the messages that a letter leads to. It depends on the message id alone, so that a letter has the
// same one however often it is drained.
func causeOf(messageID string) string {
	cause := "dlq_" + strings.ReplaceAll(messageID, "-", "")
	if !message.ValidCauseID(cause) {
		// SQS's message ids are UUIDs; those of an emulator may not be.
		sum := sha256.Sum256([]byte(messageID))
		cause = "dlq_" + hex.EncodeToString(sum[:16])
	}
	return cause
}
