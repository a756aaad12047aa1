package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
)

// row reads the stored row of an order.
func (s *stack) row(t *testing.T, id string) (readmodel.Order, bool) {
	t.Helper()
	out, err := s.dynamo.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(s.ordersTable), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var row readmodel.Order
	if err := attributevalue.UnmarshalMap(out.Item, &row); err != nil {
		t.Fatal(err)
	}
	return row, out.Item != nil
}

// rowsOf reads all rows of a user.
func (s *stack) rowsOf(t *testing.T, user string) []readmodel.Order {
	t.Helper()
	return s.rowsWhere(t, "userId = :value", user)
}

// rowsWhere reads all rows that a filter takes.
func (s *stack) rowsWhere(t *testing.T, filter, value string) []readmodel.Order {
	t.Helper()
	var rows []readmodel.Order
	pages := dynamodb.NewScanPaginator(s.dynamo, &dynamodb.ScanInput{
		TableName: aws.String(s.ordersTable), ConsistentRead: aws.Bool(true), FilterExpression: aws.String(filter),
		ExpressionAttributeValues: map[string]types.AttributeValue{":value": &types.AttributeValueMemberS{Value: value}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var some []readmodel.Order
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &some); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, some...)
	}
	return rows
}
