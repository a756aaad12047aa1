package readmodel

import "boxoffice/contracts"

// Ticket is the row that owns a seat. It must not exist when it is written: that condition decides who owns the seat.
type Ticket struct {
	// SeatGroup is "concertId#group".
	SeatGroup string            `dynamodbav:"seatGroup"`
	Seat      string            `dynamodbav:"seat"`
	OrderID   contracts.OrderID `dynamodbav:"orderId"`
}

// Group is the row that counts the loads of a seat group: each ADD 1 to Token is a fencing token for one load.
type Group struct {
	SeatGroup string `dynamodbav:"seatGroup"`
	Token     int64  `dynamodbav:"token"`
}
