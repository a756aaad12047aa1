package dynamoorder_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

func TestConformance(t *testing.T) {
	config := ministacktest.Load(t)
	client := dynamodb.NewFromConfig(config)
	store := dynamoorder.New(client, dynamoorder.Tables{Orders: "orders", Tickets: "tickets", Groups: "groups", Allowances: "allowances", Revocations: "revocations"}, retry.NoBreaker{})
	ordertest.Exercise(t, func(t *testing.T) ordertest.Backend {
		stored := raw{t, client}
		return ordertest.Backend{Store: store, SetUnknown: stored.set, Unknown: stored.get, Revoked: stored.revoked, PutTicket: func(g contracts.SeatGroup, seat string, owner contracts.OrderID) {
			item, err := attributevalue.MarshalMap(readmodel.Ticket{SeatGroup: g.Key(), Seat: seat, OrderID: owner})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("tickets"), Item: item}); err != nil {
				t.Fatal(err)
			}
		}}
	})
}
