package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/scripts/internal/apiclient"
)

// firstEvent is the event for a function that was just started. It makes the function call its dependencies and changes nothing,
// however often it is sent.
type firstEvent struct {
	// what describes the event for people. want is a part of every correct response.
	what    string
	payload []byte
	want    string
}

// firstEvents returns first events for each function. They are about an order that is placed for them and cancelled.
func (m *measures) firstEvents(ctx context.Context) (map[string][]firstEvent, error) {
	g := m.layout.Groups[3*groupsOfMany+1]
	ended, row, err := m.cancelledOrder(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("an order that has ended: %w", err)
	}
	const noFailure = `"batchItemFailures":[]`
	made := map[string][]firstEvent{}
	var problems []error
	add := func(name, what, want string, event any, err error) {
		payload, encodeErr := json.Marshal(event)
		problems = append(problems, err, encodeErr)
		made[name] = append(made[name], firstEvent{what, payload, want})
	}
	for _, concert := range []string{m.Concert, m.Arena} {
		body, err := json.Marshal(apiclient.OrderRequest{ConcertID: concert, Seats: []string{"no-such-seat"}})
		add("orders", "POST for an unknown seat of "+concert, `"statusCode":422`, m.request("POST /api/orders", string(body), nil), err)
		add("queries", "GET of the availability of "+concert, `"statusCode":200`,
			m.request("GET /api/concerts/{concertId}/availability", "", map[string]string{"concertId": concert}), nil)
	}
	event, err := queueEvent(message.RebuildGroup{ConcertID: m.Arena, Group: g.Group, CommandID: newRun()})
	add("reserve", "RebuildGroup of a loaded group", noFailure, event, err)
	event, err = queueEvent(message.ExpireHold{OrderID: ended, ConcertID: m.Arena, Group: g.Group, RowVersion: 1})
	add("expire", "ExpireHold of an order that has ended", noFailure, event, err)
	event, err = queueEvent(message.OpenPayment{OrderID: ended, ConcertID: m.Arena, Group: g.Group, RowVersion: 1})
	add("pay", "OpenPayment of an order that has ended", noFailure, event, err)
	event, err = queueEvent(message.PaymentDeclined{
		OrderID: ended, ConcertID: m.Arena, Group: g.Group, EventID: "evt_measure", At: contracts.InstantOf(time.Now()), Code: "card_declined", Text: "Declined.",
	})
	add("commit", "PaymentDeclined of an order that has ended", noFailure, event, err)
	delivery, err := m.webhook(ended, g)
	add("stripe-webhook", "an event of an order that has ended", `"statusCode":200`, delivery, err)
	add("mirror", "the row of an order that has ended", noFailure, streamEvent(ended, row), nil)
	add("publish", "the row of an order that has ended", noFailure, streamEvent(ended, row), nil)
	add("reconcile", "its whole run of each minute", `{`, map[string]string{}, nil)
	return made, errors.Join(problems...)
}

// cancelledOrder places an order, cancels it when it is held, and returns its id and row.
func (m *measures) cancelledOrder(ctx context.Context, g group) (contracts.OrderID, map[string]types.AttributeValue, error) {
	buyer, err := m.Buyer(newRun())
	if err != nil {
		return "", nil, err
	}
	answer, err := buyer.Place(ctx, "measure", apiclient.OrderRequest{ConcertID: m.Arena, Seats: g.Seats[:2]})
	if err != nil {
		return "", nil, err
	}
	var accepted apiclient.Accepted
	if answer.Status != http.StatusAccepted {
		return "", nil, fmt.Errorf("POST /orders: %d %s", answer.Status, answer.Problem().Code)
	}
	if err := answer.Decode(&accepted); err != nil {
		return "", nil, err
	}
	id := accepted.OrderID
	if _, err := buyer.WaitFor(ctx, id, apiclient.Decided); err != nil {
		return "", nil, err
	}
	if _, err := buyer.Do(ctx, http.MethodDelete, "/orders/"+id, nil, nil); err != nil {
		return "", nil, err
	}
	if _, err := buyer.WaitFor(ctx, id, func(o apiclient.Order) bool { return o.Status == contracts.Cancelled }); err != nil {
		return "", nil, err
	}
	out, err := m.Dynamo.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(m.Table("orders")), ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: id}},
	})
	if err != nil {
		return "", nil, err
	}
	return contracts.OrderID(id), out.Item, nil
}

// webhook returns the request with Stripe's signed event that the PaymentIntent of an order was cancelled. Each delivery becomes
// a message, and SQS drops all but the first by their deduplication id.
func (m *measures) webhook(ended contracts.OrderID, g group) (events.APIGatewayV2HTTPRequest, error) {
	now := time.Now()
	body, err := json.Marshal(map[string]any{
		"id": "evt_measure", "object": "event", "api_version": stripeevent.APIVersion, "created": now.Unix(), "type": stripeevent.TypeCanceled,
		"data": map[string]any{"object": map[string]any{"id": "pi_measure", "object": "payment_intent", "status": "canceled", "metadata": map[string]string{
			stripeevent.MetadataEnvironment: m.Stack, stripeevent.MetadataOrder: string(ended), stripeevent.MetadataConcert: m.Arena, stripeevent.MetadataGroup: g.Group,
		}}},
	})
	r := m.request("POST /api/webhooks/stripe", string(body), nil)
	r.Headers["stripe-signature"] = webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: m.WebhookSecret(), Timestamp: now}).Header
	return r, err
}

// request returns the event that API Gateway makes from a signed-in buyer's request.
func (m *measures) request(route, body string, path map[string]string) events.APIGatewayV2HTTPRequest {
	r := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: route, Body: body, PathParameters: path,
		Headers: map[string]string{"content-type": "application/json", "idempotency-key": "measure"},
	}
	r.RequestContext.RouteKey = route
	r.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": "measure", "iss": m.API}},
	}
	return r
}

// queueEvent returns a batch of one message that is delivered for the first time.
func queueEvent(m message.Message) (events.SQSEvent, error) {
	encoded, err := message.Encode(m, "")
	if err != nil {
		return events.SQSEvent{}, err
	}
	record := events.SQSMessage{
		MessageId: requestID, ReceiptHandle: "none", Body: encoded.Body, EventSource: "aws:sqs",
		Attributes: map[string]string{
			"MessageGroupId": encoded.Group, "SequenceNumber": "00000000000000000001", "ApproximateReceiveCount": "1",
			"SentTimestamp": strconv.FormatInt(time.Now().UnixMilli(), 10),
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
	}
	for name, value := range encoded.Attributes.Map() {
		record.MessageAttributes[name] = events.SQSMessageAttribute{DataType: "String", StringValue: &value}
	}
	return events.SQSEvent{Records: []events.SQSMessage{record}}, nil
}

// streamEvent returns a batch of one version of a row.
func streamEvent(id contracts.OrderID, row map[string]types.AttributeValue) any {
	type object = map[string]any
	return object{"Records": []any{object{
		"eventName": "MODIFY", "eventSource": "aws:dynamodb",
		"dynamodb": object{"SequenceNumber": "1", "Keys": object{"orderId": object{"S": id}}, "NewImage": rowJSON(row)},
	}}}
}

// rowJSON returns a row in DynamoDB's JSON. valueJSON knows all types that rows have.
func rowJSON(row map[string]types.AttributeValue) map[string]any {
	out := map[string]any{}
	for name, value := range row {
		out[name] = valueJSON(value)
	}
	return out
}

func valueJSON(value types.AttributeValue) map[string]any {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, one := range v.Value {
			list = append(list, valueJSON(one))
		}
		return map[string]any{"L": list}
	case *types.AttributeValueMemberM:
		return map[string]any{"M": rowJSON(v.Value)}
	default:
		return map[string]any{"NULL": true}
	}
}
