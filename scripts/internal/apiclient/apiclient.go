// Package apiclient calls the HTTP API as a buyer's program does. The demo, the measures and the tests use it. Tests may see
// every exchange.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Client calls the API of one stack as one user. It is safe for concurrent use.
type Client struct {
	// Base is the address with /api.
	Base string
	// Token is the bearer token, "" for none.
	Token string
	HTTP  *http.Client
	// AnySeats lets Place ask for as many accessible places as an order names seats, as fits a program that takes whichever seats
	// are free. Without it an order that names an accessible place is refused.
	AnySeats bool
	// AsTold makes WaitFor poll no more often than the API says (see Backoff). Without it, WaitFor polls four times a second at
	// first and once a second while the order waits in the queue, as fits a test that waits for one order.
	AsTold bool
	// Seen, if set, is called with every exchange. It must not read or keep the bodies of request and response.
	Seen func(request *http.Request, response *http.Response, body []byte)
}

// Answer is a response whose body was read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode reads the body as JSON into v.
func (a Answer) Decode(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("answer %d: %w: %.200s", a.Status, err, a.Body)
	}
	return nil
}

// Problem is the part of an error's body that clients use.
type Problem struct {
	Code        string       `json:"code"`
	Detail      string       `json:"detail"`
	Pointer     string       `json:"pointer"`
	Seats       []string     `json:"seats"`
	Suggestions []Suggestion `json:"suggestions"`
	Message     string       `json:"message"`
}

// Suggestion are seats that the buyer could have instead.
type Suggestion struct {
	Seats  []string        `json:"seats"`
	Amount contracts.Money `json:"amount"`
	Why    string          `json:"why"`
}

// Problem decodes an error's body. Errors of the gateway itself have only a message.
func (a Answer) Problem() Problem {
	var p Problem
	if err := json.Unmarshal(a.Body, &p); err != nil {
		p.Detail = fmt.Sprintf("%.200s", a.Body)
	}
	return p
}

// Do sends a request and reads the response.
func (c *Client) Do(ctx context.Context, method, path string, body []byte, headers map[string]string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("read the response to %s %s: %w", method, path, err)
	}
	if c.Seen != nil {
		c.Seen(request, response, read)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: read}, nil
}

// OrderRequest is the body of POST /orders. It has either Seats or Best. Accessible is how many of Seats may be accessible places.
type OrderRequest struct {
	ConcertID  string         `json:"concertId"`
	Seats      []string       `json:"seats,omitempty"`
	Accessible int            `json:"accessible,omitempty"`
	Best       *BestAvailable `json:"bestAvailable,omitempty"`
}

// BestAvailable orders Quantity adjacent seats of a section ("" for any section), of which exactly Accessible are accessible
// places.
type BestAvailable struct {
	Section    string `json:"section,omitempty"`
	Quantity   int    `json:"quantity"`
	Accessible int    `json:"accessible,omitempty"`
}

// Accepted is the body of a response 202.
type Accepted struct {
	OrderID     string           `json:"orderId"`
	Status      contracts.Status `json:"status"`
	Version     int              `json:"version"`
	PollAfterMs int              `json:"pollAfterMs"`
}

// Place sends POST /orders with an Idempotency-Key.
func (c *Client) Place(ctx context.Context, key string, order OrderRequest) (Answer, error) {
	if c.AnySeats && order.Accessible == 0 {
		order.Accessible = len(order.Seats)
	}
	body, err := json.Marshal(order)
	if err != nil {
		return Answer{}, err
	}
	return c.Do(ctx, http.MethodPost, "/orders", body, map[string]string{"Content-Type": "application/json", "Idempotency-Key": key})
}

// Order is the body of GET /orders/{id}.
type Order struct {
	OrderID       string             `json:"orderId"`
	Version       int                `json:"version"`
	ConcertID     string             `json:"concertId"`
	Status        contracts.Status   `json:"status"`
	Seats         []string           `json:"seats"`
	Amount        *contracts.Money   `json:"amount"`
	HoldExpiresAt *contracts.Instant `json:"holdExpiresAt"`
	PollAfterMs   *int               `json:"pollAfterMs"`
	Reason        *Reason            `json:"reason"`
	Payment       *Payment           `json:"payment"`
	Tickets       []Ticket           `json:"tickets"`
	Timeline      []Entry            `json:"timeline"`
}

// Payment of an order that awaits payment, or the Card that paid it.
type Payment struct {
	ClientSecret   string        `json:"clientSecret"`
	PublishableKey string        `json:"publishableKey"`
	LastError      *PaymentError `json:"lastError"`
	Card           *Card         `json:"card"`
}

// Card is a brand and the last four digits.
type Card struct {
	Brand string `json:"brand"`
	Last4 string `json:"last4"`
}

// PaymentError is the reason why the last card was declined.
type PaymentError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Ticket of a confirmed order.
type Ticket struct {
	ID     string                 `json:"id"`
	Seat   string                 `json:"seat"`
	Status contracts.TicketStatus `json:"status"`

	SectionName string `json:"sectionName"`
	Row         string `json:"row"`
	SeatNumber  int    `json:"seatNumber"`
}

// Reason of an order that was rejected or revoked.
type Reason struct {
	Code   contracts.Reason `json:"code"`
	Detail string           `json:"detail"`
	Seats  []string         `json:"seats"`

	Suggestions []Suggestion `json:"suggestions"`
}

// Entry of a timeline.
type Entry struct {
	Status  contracts.Status   `json:"status"`
	Version *int               `json:"version"`
	At      *contracts.Instant `json:"at"`
	Cause   string             `json:"cause"`
}

// Order sends GET /orders/{id}. Unless the status is 200, the order is empty and the answer has the problem.
func (c *Client) Order(ctx context.Context, id string) (Order, Answer, error) {
	a, err := c.Do(ctx, http.MethodGet, "/orders/"+id, nil, nil)
	if err != nil || a.Status != http.StatusOK {
		return Order{}, a, err
	}
	var o Order
	return o, a, a.Decode(&o)
}

// Orders is a page of GET /me/orders.
type Orders struct {
	Orders []struct {
		Order
		Concert *Concert `json:"concert"`
	} `json:"orders"`
	NextCursor string `json:"nextCursor"`
}

// WaitFor polls an order until done returns true or ctx ends. AsTold says how often.
func (c *Client) WaitFor(ctx context.Context, id string, done func(Order) bool) (Order, error) {
	backoff := Backoff{Jitter: rand.Int64N}
	if !c.AsTold {
		backoff.AtMost = time.Second
	}
	for {
		o, a, err := c.Order(ctx, id)
		switch {
		case err != nil:
			return o, err
		case a.Status != http.StatusOK:
			return o, fmt.Errorf("GET order %s: %d %s", id, a.Status, a.Problem().Code)
		case done(o):
			return o, nil
		}
		select {
		case <-ctx.Done():
			return o, fmt.Errorf("order %s is still %s at version %d: %w", id, o.Status, o.Version, ctx.Err())
		case <-time.After(backoff.Next(o)):
		}
	}
}

// Decided reports whether an order has left the queue.
func Decided(o Order) bool { return o.Status != contracts.Queued }

// Payable reports whether an order has left the queue and, if it is open, can be paid.
func Payable(o Order) bool { return Decided(o) && o.Status != contracts.Held }

// Concert is the part of GET /concerts/{id} that programs use.
type Concert struct {
	ID            string            `json:"id"`
	Title         string            `json:"title"`
	Venue         string            `json:"venue"`
	City          string            `json:"city"`
	Status        string            `json:"status"`
	StartsAt      contracts.Instant `json:"startsAt"`
	LayoutVersion int               `json:"layoutVersion"`
	LimitPerOrder int               `json:"limitPerOrder"`
}

// Layout is the part of GET /concerts/{id}/layout that programs use.
type Layout struct {
	LayoutVersion int     `json:"layoutVersion"`
	Groups        []Group `json:"groups"`
}

// Group of a layout. Seats are the seats of all Rows, in the order of a snapshot.
type Group struct {
	Group      string   `json:"group"`
	Section    string   `json:"section"`
	Kind       string   `json:"kind"`
	Tier       string   `json:"tier"`
	Rows       []Row    `json:"rows"`
	Seats      []string `json:"-"`
	Accessible []string `json:"accessible"`
}

// Row of a group. Seats are its names, which the layout gives by rule.
type Row struct {
	Name  string
	Seats []string
}

// maxRow bounds the names that one row is expanded to.
const maxRow = 10_000

// UnmarshalJSON decodes a group and expands the names of its seats.
func (g *Group) UnmarshalJSON(text []byte) error {
	type plain Group
	if err := json.Unmarshal(text, (*plain)(g)); err != nil {
		return err
	}
	g.Seats = nil
	for _, row := range g.Rows {
		g.Seats = append(g.Seats, row.Seats...)
	}
	return nil
}

// UnmarshalJSON expands the rule of a row: the name of seat k, counted from 1, is the prefix and k with leading zeros.
func (r *Row) UnmarshalJSON(text []byte) error {
	var rule struct {
		Name   string `json:"name"`
		Prefix string `json:"prefix"`
		Count  int    `json:"count"`
		Digits int    `json:"digits"`
	}
	if err := json.Unmarshal(text, &rule); err != nil {
		return err
	}
	if rule.Count < 1 || rule.Count > maxRow {
		return fmt.Errorf("row %q has %d seats", rule.Name, rule.Count)
	}
	*r = Row{Name: rule.Name, Seats: make([]string, rule.Count)}
	for k := range r.Seats {
		r.Seats[k] = fmt.Sprintf("%s%0*d", rule.Prefix, rule.Digits, k+1)
	}
	return nil
}

// Availability is the body of GET /concerts/{id}/availability.
type Availability struct {
	LayoutVersion int `json:"layoutVersion"`
	Groups        []struct {
		Group string            `json:"group"`
		Epoch int64             `json:"epoch"`
		Rev   int64             `json:"rev"`
		State string            `json:"state"`
		Seats seatstate.SeatMap `json:"seats"`
	} `json:"groups"`
}

// Get reads a document of the catalogue into v. Any status but 200 is an error.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	a, err := c.Do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return fmt.Errorf("GET %s: %s %s", path, strconv.Itoa(a.Status), a.Problem().Code)
	}
	return a.Decode(v)
}
