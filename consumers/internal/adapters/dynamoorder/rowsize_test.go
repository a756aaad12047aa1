package dynamoorder_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// sizeOf returns the bytes that DynamoDB counts for a value, as its documentation says: a number has a byte for two digits and one
// more, a list and a map 3 bytes and one for each element.
func sizeOf(v types.AttributeValue) (bytes int) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2
	case *types.AttributeValueMemberL:
		bytes = 3
		for _, e := range v.Value {
			bytes += 1 + sizeOf(e)
		}
	case *types.AttributeValueMemberM:
		bytes = 3
		for name, e := range v.Value {
			bytes += 1 + len(name) + sizeOf(e)
		}
	default:
		bytes = 1
	}
	return bytes
}

func rowSize(t *testing.T, o order.Order) (bytes int) {
	t.Helper()
	item, err := attributevalue.MarshalMap(o.Order)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range item {
		bytes += len(name) + sizeOf(v)
	}
	return bytes
}

// A write takes a unit for each KB. The row of an order of as many seats as the sample concerts allow stays under one in every
// status on its usual way, with ids of their real lengths.
func TestARowStaysUnderOneWriteUnit(t *testing.T) {
	const at = contracts.Instant(1_915_639_200_000)
	m := message.PlaceOrder{
		OrderID: "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", UserID: "01890a5d-ac96-774b-bcce-b302099a8057", ConcertID: "symphony-of-a-thousand-2030", Group: "stalls-centre-middle",
		LayoutVersion: 12, RequestHash: "1phyQFTPFDX11cT5DNLMZQ", AcceptedAt: at, Deadline: at.Add(120_000_000_000),
	}
	var seats []string
	for n := range 6 {
		seats = append(seats, fmt.Sprintf("B-12-%d", 10+n))
	}
	by := func(kind message.Kind) order.Cause {
		return order.Cause{Kind: kind, MessageID: "5a2d7e0c-1f43-4a9b-8e6d-c07b91f2a3d5", At: at}
	}
	const fence = "18849496460467696128"
	m.Seats = seats
	o := order.NewHeld(m, fence, order.Hold{Seats: seats, HeldAt: at, ExpiresAt: at.Add(300_000_000_000), Amount: contracts.Money{Minor: 72000, Currency: "EUR"}, BuyerLimit: 8}, by(message.KindPlaceOrder))
	steps := []func() (order.Order, error){
		func() (order.Order, error) { return o, nil },
		func() (order.Order, error) {
			return o.AwaitPayment("pi_3MtwBwLkdIwHu7ix28a3tqPa", "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH", by(message.KindOpenPayment))
		},
		func() (order.Order, error) {
			return o.Commit("pi_3MtwBwLkdIwHu7ix28a3tqPa", by(message.KindPaymentAuthorized))
		},
		func() (order.Order, error) {
			return o.PaidBy(&readmodel.Card{Brand: "cartes_bancaires", Last4: "4242"}).Confirm(by(message.KindCapturePayment))
		},
	}
	for _, step := range steps {
		next, err := step()
		if err != nil {
			t.Fatal(err)
		}
		o = next
		size := rowSize(t, o)
		t.Logf("%s: %d bytes", o.Status, size)
		if size > 1024 {
			t.Errorf("the row of an order that is %s has %d bytes", o.Status, size)
		}
	}
	m.Seats, m.BestAvailable = nil, &message.BestAvailable{Section: "stalls-centre", Quantity: 6, Accessible: 2}
	asked := order.NewRejected(m, fence, contracts.ReasonNoAdjacent, nil, by(message.KindPlaceOrder))
	size := rowSize(t, asked)
	asked.Asked = nil
	if t.Logf("%s of any seats: %d bytes, %d of them what it asked for", asked.Status, size, size-rowSize(t, asked)); size > 1024 {
		t.Errorf("the row of a rejected order has %d bytes", size)
	}
}
