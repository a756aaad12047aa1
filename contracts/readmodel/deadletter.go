package readmodel

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"boxoffice/contracts"
)

// DeadLetter is a row about work that a handler could not do. The key tells four kinds apart: the note of attempts that have
// not ended well ("attempts#MESSAGE_ID"), a message that was moved here from a dead-letter queue ("message#MESSAGE_ID"), an
// event that the bus refuses ("event#ORDER_ID#VERSION"), and stream records that an event source mapping gave up
// ("stream#MESSAGE_ID", streamfailure.go). Rows of other kinds in the same table are in ledger.go.
type DeadLetter struct {
	MessageKey string `dynamodbav:"messageKey"`

	// Attempts counts the attempts that were begun and did not end well. Only an attempts row has it.
	Attempts int `dynamodbav:"attempts,omitempty"`
	// BegunAt is when the attempts began, the oldest first. Attempts of older program versions are missing.
	BegunAt []contracts.Instant `dynamodbav:"begunAt,omitempty"`
	// ExpiresAt, in seconds since 1970, is when DynamoDB may delete an attempts row: AttemptsKept after the last attempt, when
	// its message is long gone. The other kinds of rows have none and are kept.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`

	// The following attributes are of a message, an event or stream records. For an event, Kind is the detail type, Body the
	// detail, and Queue is empty. For stream records, Reason is why they were given up, and Body is the letter from Lambda.
	Queue      string            `dynamodbav:"queue,omitempty"`
	Kind       string            `dynamodbav:"kind,omitempty"`
	OrderID    contracts.OrderID `dynamodbav:"orderId,omitempty"`
	SeatGroup  string            `dynamodbav:"seatGroup,omitempty"`
	Reason     string            `dynamodbav:"reason,omitempty"`
	Body       string            `dynamodbav:"body,omitempty"`
	Attributes map[string]string `dynamodbav:"attributes,omitempty"`
	At         contracts.Instant `dynamodbav:"at,omitempty"`

	// List and ListedAt are the keys of the sparse index "letters" (letterlist.go). Fitted sets them; an attempts row has none.
	List     string `dynamodbav:"letterList,omitempty"`
	ListedAt string `dynamodbav:"listedAt,omitempty"`

	// Stream says which records were given up. Only a stream row has it, unless its letter could not be read.
	Stream *StreamFailure `dynamodbav:"stream,omitempty"`

	// Cut has the length and the SHA-256 of each text that Fitted cut, so that a full copy elsewhere can be recognised. The key
	// is the name of the attribute, or "attributes." and the name of the message attribute.
	Cut map[string]string `dynamodbav:"cut,omitempty"`
}

// Maximum lengths of the texts of a letter in bytes. DynamoDB accepts items of 400 KB, including names; an SQS message can have
// 1 MiB. The messages of this pipeline have about 1 KB and are never cut.
const (
	maxBody      = 300 << 10
	maxAttribute = 1 << 10
)

// Fitted returns the letter as it is stored: it is in the list of letters, and it fits into an item. Texts that are too long are cut
// at the end, and Cut names them.
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
	d.List, d.ListedAt = ListLetters, listedAt(d.At, cmp.Or(d.Queue, SourceEvents))
	return d
}

// AttemptsKept is longer than any queue keeps a message, so that a note outlives its message.
const AttemptsKept = 15 * 24 * time.Hour

// AttemptsKey returns the key of the note of a message's attempts.
func AttemptsKey(messageID string) string { return "attempts#" + messageID }

// DrainedKey returns the key of a message that was moved here from a dead-letter queue.
func DrainedKey(messageID string) string { return "message#" + messageID }

// EventKey returns the key of an event that the bus refuses.
func EventKey(id contracts.OrderID, version int) string {
	return "event#" + string(id) + "#" + strconv.Itoa(version)
}
