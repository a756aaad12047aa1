package dynamoorder_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// raw reads and writes stored rows as another program would.
type raw struct {
	t      *testing.T
	client *dynamodb.Client
}

func rowKey(id contracts.OrderID) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: string(id)}}
}

func (r raw) set(id contracts.OrderID, path, value string) {
	r.t.Helper()
	names := map[string]string{}
	steps := strings.Split(path, ".")
	for i, step := range steps {
		name, index, isElement := strings.Cut(step, "[")
		alias := "#" + name
		names[alias] = name
		if steps[i] = alias; isElement {
			steps[i] += "[" + index
		}
	}
	if _, err := r.client.UpdateItem(r.t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(tables.Orders), Key: rowKey(id), UpdateExpression: aws.String("SET " + strings.Join(steps, ".") + " = :v"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: value}},
	}); err != nil {
		r.t.Fatal(err)
	}
}

// revoked reads the revocations of a concert that an order has caused.
func (r raw) revoked(concertID string, by contracts.OrderID) (rows []readmodel.Revocation) {
	r.t.Helper()
	out, err := r.client.Query(r.t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(tables.Revocations), ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("concertId = :c AND begins_with(orderVersion, :o)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":c": &types.AttributeValueMemberS{Value: concertID}, ":o": &types.AttributeValueMemberS{Value: string(by) + "#"}},
	})
	if err == nil {
		err = attributevalue.UnmarshalListOfMaps(out.Items, &rows)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return rows
}

func (r raw) row(id contracts.OrderID) map[string]types.AttributeValue {
	r.t.Helper()
	out, err := r.client.GetItem(r.t.Context(), &dynamodb.GetItemInput{TableName: aws.String(tables.Orders), ConsistentRead: aws.Bool(true), Key: rowKey(id)})
	if err != nil {
		r.t.Fatal(err)
	}
	return out.Item
}

func (r raw) get(id contracts.OrderID, path string) string {
	r.t.Helper()
	var at types.AttributeValue = &types.AttributeValueMemberM{Value: r.row(id)}
	for step := range strings.SplitSeq(path, ".") {
		name, _, isElement := strings.Cut(step, "[")
		m, ok := at.(*types.AttributeValueMemberM)
		if !ok {
			return ""
		}
		at = m.Value[name]
		if list, ok := at.(*types.AttributeValueMemberL); ok && isElement {
			at = list.Value[0]
		}
	}
	s, _ := at.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// What a newer version stored beside the code of a refused card is deleted with that card, and what this version deletes
// from a row is deleted although the rest is kept.
func TestReplacedAttributesLoseUnknownParts(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	store, stored := dynamoorder.New(client, tables, retry.NoBreaker{}), raw{t, client}
	cause := order.Cause{Kind: message.KindPaymentDeclined, MessageID: "m-2", At: 1_001_000}
	row := ordertest.HeldOrder(ordertest.Placed(seatGroup, "A-1"))
	ordertest.Put(t, store, row)
	to := func(next order.Order, err error) order.Order {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		before := row
		if err := store.Update(t.Context(), before, next); err != nil {
			t.Fatalf("update: %v", err)
		}
		o, _, err := store.Read(t.Context(), row.OrderID)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	row = to(row.AwaitPayment("pi_1", "pi_1_secret", cause))
	row = to(row.NoteDecline(readmodel.PaymentError{EventID: "evt_1", At: 5, Code: "card_declined"}))
	stored.set(row.OrderID, "payment.lastError.network", "visa")
	stored.set(row.OrderID, "amount.tax", "19")
	row, _, _ = store.Read(t.Context(), row.OrderID)

	row = to(row.NextAttempt(order.StepOpen), nil)
	if got := stored.get(row.OrderID, "payment.lastError.network"); got != "visa" {
		t.Errorf("a version that leaves the refusal as it was has %q", got)
	}
	row = to(row.NoteDecline(readmodel.PaymentError{EventID: "evt_2", At: 6, Code: "expired_card"}))
	if got := stored.get(row.OrderID, "payment.lastError.network"); got != "" {
		t.Errorf("the next refusal has %q of the one before", got)
	}
	row = to(row.Cancel(cause))
	if got := stored.get(row.OrderID, "amount.tax"); got != "19" {
		t.Errorf("the amount has %q", got)
	}
	item := stored.row(row.OrderID)
	for _, gone := range []string{"openGroup", "dueAt"} {
		if item[gone] != nil {
			t.Errorf("%s of an ended order is %v", gone, item[gone])
		}
	}
	if payment := item["payment"].(*types.AttributeValueMemberM).Value; payment["clientSecret"] != nil || payment["intentId"] == nil {
		t.Errorf("the payment of an ended order is %v", payment)
	}
}

// A row without unknown attributes carries no copy of its item: a group's rows are read by the hundred.
func TestKnownRowKeepsNoItem(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	store, stored := dynamoorder.New(client, tables, retry.NoBreaker{}), raw{t, client}
	row := ordertest.HeldOrder(ordertest.Placed(seatGroup, "A-1", "A-2"))
	next, err := row.AwaitPayment("pi_1", "pi_1_secret", order.Cause{At: 1})
	if err != nil {
		t.Fatal(err)
	}
	next, err = next.NoteDecline(readmodel.PaymentError{EventID: "evt_1", At: 5, Code: "card_declined"})
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, store, next)
	for _, path := range []string{"", "newer", "payment.newer", "payment.lastError.newer", "history[0].newer"} {
		if path != "" {
			stored.set(next.OrderID, path, "v")
		}
		if got, _, err := store.Read(t.Context(), next.OrderID); (got.Rest != nil) != (path != "") || err != nil {
			t.Errorf("with %q: rest %v, %v", path, got.Rest, err)
		}
		ordertest.Put(t, store, func() order.Order {
			next.OrderID = ordertest.NewID()
			next.UserID = string(next.OrderID)
			return next
		}())
	}
}

// A row of an order of which only the id was known has no userId attribute: an index with that key refuses an empty one.
func TestRowWithoutUserHasNoUserID(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	store, stored := dynamoorder.New(client, tables, retry.NoBreaker{}), raw{t, client}
	cause := order.Cause{Kind: message.KindPlaceOrder, MessageID: "m-1", At: 9}
	for user, want := range map[string]bool{"": false, "anna": true} {
		row := order.NewRejectedUnread(message.Attributes{OrderID: ordertest.NewID(), UserID: user}, "1", 8, cause)
		ordertest.Put(t, store, row)
		if userID, has := stored.row(row.OrderID)["userId"]; has != want {
			t.Errorf("the row of user %q has userId %v", user, userID)
		}
		got, _, err := store.Read(t.Context(), row.OrderID)
		if err != nil || got.UserID != user || !got.OwnedBy("anna") || got.OwnedBy("ben") == want {
			t.Errorf("the row of user %q is read as %q's (%v)", user, got.UserID, err)
		}
	}
}
