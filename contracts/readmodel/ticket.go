package readmodel

import "boxoffice/contracts"

// Ticket is the row that gives a seat to an order. It is written on the condition that it does not exist: that condition
// decides which order owns the seat.
type Ticket struct {
	// SeatGroup is "concertId#group".
	SeatGroup string            `dynamodbav:"seatGroup"`
	Seat      string            `dynamodbav:"seat"`
	OrderID   contracts.OrderID `dynamodbav:"orderId"`
}

// Group is the row that counts the loads of a seat group. Each load adds 1 to Token, and the result is its fencing token.
type Group struct {
	SeatGroup string `dynamodbav:"seatGroup"`
	Token     int64  `dynamodbav:"token"`
}
