package readmodel

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"boxoffice/contracts"
)

// DeadLetter is a row of what handlers could not do. It has four kinds, told apart by the key: the note of an attempt
// that has not come back yet ("attempts#MESSAGE_ID"), a message that was drained from a dead-letter queue
// ("message#MESSAGE_ID"), an event that the bus will not take ("event#ORDER_ID#VERSION"), and records of a stream that a
// mapping gave up ("stream#MESSAGE_ID", streamfailure.go). Rows of other kinds in the same table are in ledger.go.
type DeadLetter struct {
	MessageKey string `dynamodbav:"messageKey"`

	// Attempts that were begun and never came back in good order. Only of an attempts row.
	Attempts int `dynamodbav:"attempts,omitempty"`
	// BegunAt is when they began, the oldest first. Those of an older program are not in it.
	BegunAt []contracts.Instant `dynamodbav:"begunAt,omitempty"`
	// ExpiresAt, in seconds since 1970, is when DynamoDB may drop an attempts row whose message is long gone: AttemptsKept
	// after the last attempt. A message that was drained, and an event, is kept.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`

	// The rest is of a message, an event or records of a stream. Of an event Kind is the detail type, Body the detail, and Queue
	// is empty. Of records of a stream Reason is why they were given up, and Body is the letter as Lambda wrote it.
	Queue      string            `dynamodbav:"queue,omitempty"`
	Kind       string            `dynamodbav:"kind,omitempty"`
	OrderID    contracts.OrderID `dynamodbav:"orderId,omitempty"`
	SeatGroup  string            `dynamodbav:"seatGroup,omitempty"`
	Reason     string            `dynamodbav:"reason,omitempty"`
	Body       string            `dynamodbav:"body,omitempty"`
	Attributes map[string]string `dynamodbav:"attributes,omitempty"`
	At         contracts.Instant `dynamodbav:"at,omitempty"`

	// Stream says which records were given up. Only of a stream row, and not there if the letter could not be read.
	Stream *StreamFailure `dynamodbav:"stream,omitempty"`

	// Cut names what Fitted cut, by attribute, or by the name of a message attribute behind "attributes.": how long it was
	// and its SHA-256, so that the whole can be told where somebody else has it.
	Cut map[string]string `dynamodbav:"cut,omitempty"`
}

// What an item has room for: DynamoDB takes 400 KB, names included, and a message of SQS may be 1 MiB. A message of ours is
// about 1 KB, so that none is ever cut.
const (
	maxBody      = 300 << 10
	maxAttribute = 1 << 10
)

// Fitted is the letter as an item can hold it: a text that is too long is cut to its beginning, and Cut says so.
func (d DeadLetter) Fitted() DeadLetter {
	cut := map[string]string{}
	fit := func(name, text string, limit int) string {
		if len(text) <= limit {
			return text
		}
		cut[name] = fmt.Sprintf("%d bytes, sha256 %x", len(text), sha256.Sum256([]byte(text)))
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		return text[:limit]
	}
	d.Body = fit("body", d.Body, maxBody)
	d.Kind = fit("kind", d.Kind, maxAttribute)
	d.OrderID = contracts.OrderID(fit("orderId", string(d.OrderID), maxAttribute))
	d.SeatGroup = fit("seatGroup", d.SeatGroup, maxAttribute)
	d.Reason = fit("reason", d.Reason, maxAttribute)
	if d.Stream != nil {
		stream := *d.Stream
		stream.FunctionARN = fit("stream.functionArn", stream.FunctionARN, maxAttribute)
		stream.StreamARN = fit("stream.streamArn", stream.StreamARN, maxAttribute)
		stream.ShardID = fit("stream.shardId", stream.ShardID, maxAttribute)
		stream.StartSequence = fit("stream.startSequence", stream.StartSequence, maxAttribute)
		stream.EndSequence = fit("stream.endSequence", stream.EndSequence, maxAttribute)
		d.Stream = &stream
	}
	if len(d.Attributes) > 0 {
		attributes := make(map[string]string, len(d.Attributes))
		for name, value := range d.Attributes {
			attributes[name] = fit("attributes."+name, value, maxAttribute)
		}
		d.Attributes = attributes
	}
	if len(cut) > 0 {
		d.Cut = cut
	}
	return d
}

// AttemptsKept is longer than any queue keeps a message, so that a note outlives what it is about.
const AttemptsKept = 15 * 24 * time.Hour

// AttemptsKey is the key of the note of an attempt.
func AttemptsKey(messageID string) string { return "attempts#" + messageID }

// DrainedKey is the key of a drained message.
func DrainedKey(messageID string) string { return "message#" + messageID }

// EventKey is the key of an event that the bus will not take.
func EventKey(id contracts.OrderID, version int) string {
	return "event#" + string(id) + "#" + strconv.Itoa(version)
}
