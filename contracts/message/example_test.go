package message_test

import (
	"fmt"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// A producer encodes an order and sends it to a queue. A consumer decodes what it receives.
func Example() {
	accepted := contracts.InstantOf(time.Date(2027, 1, 15, 9, 0, 0, 0, time.UTC))
	order := message.PlaceOrder{
		OrderID:       "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4",
		UserID:        "buyer-1",
		ConcertID:     "vienna",
		Group:         "parkett",
		LayoutVersion: 3,
		Seats:         []string{"F-11", "F-12"},
		RequestHash:   contracts.RequestHash("vienna", []string{"F-11", "F-12"}),
		AcceptedAt:    accepted,
		Deadline:      accepted.Add(2 * time.Minute),
	}

	// Encode validates the message. The result says where to send it and what to send.
	encoded, err := message.Encode(order, "trace-1")
	if err != nil {
		fmt.Println("not sent:", err)
		return
	}
	fmt.Println("queue:", encoded.Queue)
	// All orders for one seat group have the same message group, so SQS delivers them one after another.
	fmt.Println("message group:", encoded.Group)
	// SQS drops a second message with the same id within 5 minutes.
	fmt.Println("deduplication id:", encoded.DeduplicationID)
	// The attributes are readable even if the body is not: they are enough to reject the order.
	fmt.Println("attribute orderId:", encoded.Attributes.Map()[message.AttributeOrder])
	fmt.Println("body:", encoded.Body)

	// Decode returns a valid message or an error that no further attempt can change.
	decoded, err := message.Decode(encoded.Body)
	if err != nil {
		fmt.Println("not decoded:", err)
		return
	}
	switch m := decoded.(type) {
	case message.PlaceOrder:
		fmt.Println("decoded:", m.Kind(), m.Seats, "for", m.UserID, "until", m.Deadline)
	default:
		fmt.Println("decoded another kind:", m.Kind())
	}

	// Output:
	// queue: orders
	// message group: vienna#parkett
	// deduplication id: e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4:PlaceOrder:1phyQFTPFDX11cT5DNLMZQ
	// attribute orderId: e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4
	// body: {"kind":"PlaceOrder","v":1,"orderId":"e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4","userId":"buyer-1","concertId":"vienna","group":"parkett","layoutVersion":3,"seats":["F-11","F-12"],"requestHash":"1phyQFTPFDX11cT5DNLMZQ","acceptedAt":"2027-01-15T09:00:00.000Z","deadline":"2027-01-15T09:02:00.000Z"}
	// decoded: PlaceOrder [F-11 F-12] for buyer-1 until 2027-01-15T09:02:00.000Z
}
