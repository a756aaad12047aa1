// Package frame defines what is sent over a buyer's connection: text messages with one JSON object each, told apart by "type". A
// client ignores types and members that it does not know. contracts/openapi has their schemas.
package frame

import (
	"time"

	"boxoffice/contracts/orderview"
)

// Subprotocol is the WebSocket subprotocol. A client offers it and, as the second, its ticket.
const Subprotocol = "boxoffice"

const (
	// Life is how long a connection may last: the gateway's limit.
	Life = 2 * time.Hour
	// Idle is how long a connection may be silent in both directions: the gateway's limit.
	Idle = 10 * time.Minute
	// MaxFromClient bounds a message of a client, in bytes. The gateway itself closes a connection over 128 KB, or over 32 KB in one
	// frame.
	MaxFromClient = 1024
)

// Values of "type".
const (
	TypePing  = "ping"
	TypePong  = "pong"
	TypeError = "error"
	TypeOrder = "order"
)

// Ping is the one message of a client. It keeps the connection open.
type Ping struct {
	Type string `json:"type"`
}

// Pong answers a Ping.
type Pong struct {
	Type string `json:"type"`
}

// NewPong returns the answer to a Ping.
func NewPong() Pong { return Pong{TypePong} }

// Code of an Error.
type Code string

// Codes of errors.
const (
	CodeMessageTooLarge Code = "message_too_large"
	CodeInvalidJSON     Code = "invalid_json"
	CodeInvalidRequest  Code = "invalid_request"
	CodeUnknownType     Code = "unknown_type"
)

// Error answers a message that is no Ping. The connection stays open.
type Error struct {
	Type   string `json:"type"`
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// NewError returns an Error.
func NewError(code Code, detail string) Error { return Error{TypeError, code, detail} }

// Order tells a buyer of a new version of an order. Clients keep the highest version and ignore lower ones: frames can come twice
// and out of order.
type Order struct {
	Type  string          `json:"type"`
	Order orderview.Order `json:"order"`
}

// NewOrder returns the frame of an order. The view must not have the secret of a payment: it is made without a publishable key.
func NewOrder(view orderview.Order) Order { return Order{TypeOrder, view} }
