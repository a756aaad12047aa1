// Package message defines the messages on the queues, one file for each kind: its fields, its message group and
// deduplication id, and its validation. This file has what all kinds share: the envelope, the codec and the attributes.
//
// A message is JSON with "kind" and "v" beside its fields. Consumers read versions n and n−1; producers switch last. Decode
// refuses members that the version does not have, because they could change the meaning of the message.
package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// Kind is the name of a message type.
type Kind string

// Queue is the name of a queue in the topology.
type Queue string

// Queues that messages are sent to.
const (
	QueueOrders         Queue = "orders"
	QueueExpiries       Queue = "expiries"
	QueuePayments       Queue = "payments"
	QueueAuthorizations Queue = "authorizations"
	// QueueNotifications is a standard queue: its messages are in no order, and have neither group nor deduplication id.
	QueueNotifications Queue = "notifications"
)

// Message is a message of one of the kinds in this package.
type Message interface {
	Kind() Kind
	// Route says where the message is sent. It is a pure function of the fields, so that all senders agree.
	Route() Route
	// Validate returns an error that names every field that breaks a rule.
	Validate() error
	// attributes are the ids by which an order is settled if the body cannot be decoded.
	attributes() Attributes
	version() int
}

// Route is the queue, the message group and the deduplication id of a message. SQS delivers the messages of a group one after
// another, and drops a second message with the same deduplication id within 5 minutes. Deduplication saves work. Handlers must
// be safe to repeat without it. A message of a standard queue has neither group nor deduplication id.
type Route struct {
	Queue           Queue
	Group           string
	DeduplicationID string
}

// Attributes are sent as SQS message attributes of type String. They hold only ids, never a name or a mail address.
type Attributes struct {
	Kind      Kind
	OrderID   contracts.OrderID
	UserID    string
	ConcertID string
	Group     string
	Trace     string
}

// Names of the message attributes.
const (
	AttributeKind    = "kind"
	AttributeOrder   = "orderId"
	AttributeUser    = "userId"
	AttributeConcert = "concertId"
	AttributeGroup   = "group"
	AttributeTrace   = "trace"
	// AttributeReason is added to the copy of a message in a dead-letter queue: why it was moved there.
	AttributeReason = "reason"
)

// Map returns the attributes that are set, by name.
func (a Attributes) Map() map[string]string {
	all := map[string]string{
		AttributeKind: string(a.Kind), AttributeOrder: string(a.OrderID), AttributeUser: a.UserID,
		AttributeConcert: a.ConcertID, AttributeGroup: a.Group, AttributeTrace: a.Trace,
	}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}

// AttributesOf is the inverse of Map. It ignores unknown names.
func AttributesOf(m map[string]string) Attributes {
	return Attributes{
		Kind: Kind(m[AttributeKind]), OrderID: contracts.OrderID(m[AttributeOrder]), UserID: m[AttributeUser],
		ConcertID: m[AttributeConcert], Group: m[AttributeGroup], Trace: m[AttributeTrace],
	}
}

// SeatGroup is the seat group that the attributes name.
func (a Attributes) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: a.ConcertID, Group: a.Group}
}

// Encoded is a message that is ready to be sent.
type Encoded struct {
	Route
	Body       string
	Attributes Attributes
}

// maxDeduplicationID and maxGroupID are SQS's limits.
const (
	maxDeduplicationID = 128
	maxGroupID         = 128
)

// Encode validates m and returns what is sent. The trace id becomes an attribute.
func Encode(m Message, trace string) (Encoded, error) {
	if err := m.Validate(); err != nil {
		return Encoded{}, fmt.Errorf("%s: %w", m.Kind(), err)
	}
	route := m.Route()
	if len(route.DeduplicationID) > maxDeduplicationID || len(route.Group) > maxGroupID {
		return Encoded{}, fmt.Errorf("%s: deduplication id of %d or group of %d characters is over SQS's 128", m.Kind(), len(route.DeduplicationID), len(route.Group))
	}
	fields, err := json.Marshal(m)
	if err != nil {
		return Encoded{}, fmt.Errorf("%s: %w", m.Kind(), err)
	}
	head, err := json.Marshal(envelope{Kind: m.Kind(), Version: m.version()})
	if err != nil {
		return Encoded{}, fmt.Errorf("%s: %w", m.Kind(), err)
	}
	// Both are objects with members. The members of the envelope come first.
	body := slices.Concat(head[:len(head)-1], []byte(","), fields[1:])
	attributes := m.attributes()
	attributes.Kind, attributes.Trace = m.Kind(), trace
	return Encoded{Route: route, Body: string(body), Attributes: attributes}, nil
}

type envelope struct {
	Kind    Kind `json:"kind"`
	Version int  `json:"v"`
}

// Errors of Decode. Each means that the message is poison: another attempt would read the same bytes.
var (
	ErrMalformed      = errors.New("message is malformed")
	ErrUnknownKind    = errors.New("message kind is unknown")
	ErrUnknownVersion = errors.New("message version is unknown")
)

// decoders has a decoder for each kind and version. A new version is a new row; the old row stays as long as a queue can
// hold a message of that version.
var decoders = map[envelope]func([]byte) (Message, error){
	{KindPlaceOrder, 1}:        decoderOf[PlaceOrder](),
	{KindPlaceOrder, 2}:        decoderOf[PlaceOrder](),
	{KindExpireHold, 1}:        decoderOf[ExpireHold](),
	{KindRebuildGroup, 1}:      decoderOf[RebuildGroup](),
	{KindCancelOrder, 1}:       decoderOf[CancelOrder](),
	{KindSettleOrder, 1}:       decoderOf[SettleOrder](),
	{KindMirrorOrder, 1}:       decoderOf[MirrorOrder](),
	{KindOpenPayment, 1}:       decoderOf[OpenPayment](),
	{KindCapturePayment, 1}:    decoderOf[CapturePayment](),
	{KindVoidPayment, 1}:       decoderOf[VoidPayment](),
	{KindCheckPayment, 1}:      decoderOf[CheckPayment](),
	{KindFetchEvents, 1}:       decoderOf[FetchEvents](),
	{KindAuditLedger, 1}:       decoderOf[AuditLedger](),
	{KindPaymentAuthorized, 1}: decoderOf[PaymentAuthorized](),
	{KindPaymentDeclined, 1}:   decoderOf[PaymentDeclined](),
	{KindNotifyOrder, 1}:       decoderOf[NotifyOrder](),
	{KindNotifyAccount, 1}:     decoderOf[NotifyAccount](),
	{KindStopMails, 1}:         decoderOf[StopMails](),
	{KindCloseConnections, 1}:  decoderOf[CloseConnections](),
}

// Kinds lists every kind that Decode knows, in no order.
func Kinds() []Kind {
	seen := map[Kind]bool{}
	var kinds []Kind
	for e := range decoders {
		if !seen[e.Kind] {
			seen[e.Kind] = true
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// Decode reads a body. The message that it returns has passed Validate.
func Decode(body string) (Message, error) {
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	decode, known := decoders[e]
	if !known {
		for other := range decoders {
			if other.Kind == e.Kind {
				return nil, fmt.Errorf("%w: %s version %d", ErrUnknownVersion, e.Kind, e.Version)
			}
		}
		return nil, fmt.Errorf("%w: %q", ErrUnknownKind, e.Kind)
	}
	m, err := decode([]byte(body))
	if err == nil && m.version() != e.Version {
		// The body has a member of another version, or lacks the one that defines its version. Encode would write it as
		// another version.
		return nil, fmt.Errorf("%w: %s version %d has the members of version %d", ErrMalformed, e.Kind, e.Version, m.version())
	}
	return m, err
}

// decoderOf returns the decoder of M. It compares member names exactly: encoding/json alone would accept "ORDERID" as orderId,
// and the last of both.
func decoderOf[M Message]() func([]byte) (Message, error) {
	known := membersOf(reflect.TypeFor[M]())
	known["kind"], known["v"] = member{required: true}, member{required: true}
	return func(body []byte) (Message, error) {
		if name, unknown := known.unknown(body); unknown {
			return nil, fmt.Errorf("%w: unknown member %q", ErrMalformed, name)
		}
		var fields M
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		// Validate says what is wrong with most of the absent members. The others would be read as 0.
		if err := fields.Validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if name, missing := known.missing(body); missing {
			return nil, fmt.Errorf("%w: member %q is missing", ErrMalformed, name)
		}
		return fields, nil
	}
}

// members are the members that an object may have, by name.
type members map[string]member

type member struct {
	// required: every writer writes it. encoding/json would read an absent amount as 0.
	required bool
	// members are those of a member that is an object itself.
	members members
}

func membersOf(t reflect.Type) members {
	all := members{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		m := member{required: !strings.Contains(options, "omitempty")}
		if inner.Kind() == reflect.Struct {
			m.members = membersOf(inner)
		}
		all[name] = m
	}
	return all
}

// unknown returns the name of a member of a JSON object that is not known, at any depth, and whether there is one: a name can be
// empty. A value that is no object has none: the decoder reports that.
func (k members) unknown(object []byte) (name string, found bool) {
	return k.first(object, func(here map[string]json.RawMessage) (string, bool) {
		for name := range here {
			if _, known := k[name]; !known {
				return name, true
			}
		}
		return "", false
	}, members.unknown)
}

// missing returns the name of a required member that a JSON object lacks, at any depth, and whether there is one.
func (k members) missing(object []byte) (name string, found bool) {
	return k.first(object, func(here map[string]json.RawMessage) (string, bool) {
		for name, m := range k {
			if _, there := here[name]; m.required && !there {
				return name, true
			}
		}
		return "", false
	}, members.missing)
}

// first returns the first finding in an object, and then in those of its members that are objects themselves.
func (k members) first(object []byte, here func(map[string]json.RawMessage) (string, bool), deeper func(members, []byte) (string, bool)) (string, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(object, &all) != nil || all == nil {
		return "", false
	}
	if name, found := here(all); found {
		return name, true
	}
	for name, value := range all {
		if inner := k[name].members; inner != nil {
			if below, found := deeper(inner, value); found {
				return name + "." + below, true
			}
		}
	}
	return "", false
}

// problems collects the errors of Validate, so that all are reported together.
type problems []error

func (p *problems) checkf(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) add(err error) {
	if err != nil {
		*p = append(*p, err)
	}
}

func (p *problems) checkOrderID(id contracts.OrderID) {
	if _, err := contracts.ParseOrderID(string(id)); err != nil {
		p.add(fmt.Errorf("orderId: %w", err))
	}
}

// checkStep checks the parameters of stepCause.
func (p *problems) checkStep(rowVersion int, run int64) {
	p.checkf(rowVersion >= 1, "rowVersion is %d, want at least 1", rowVersion)
	p.checkf(run >= 0, "run is %d, want at least 0", run)
}

func (p problems) err() error { return errors.Join(p...) }

func deduplicationID(order contracts.OrderID, kind Kind, cause string) string {
	return string(order) + ":" + string(kind) + ":" + cause
}

// stepCause is the cause of a step: the row version that it follows, or the run of reconcile that repeats it.
func stepCause(rowVersion int, run int64) string {
	if run > 0 {
		return "r" + strconv.FormatInt(run, 10)
	}
	return "v" + strconv.Itoa(rowVersion)
}
