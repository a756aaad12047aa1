package dynamoread

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/admission"
)

// Account reads the row of an order and its buyer's allowance for the concert in one consistent BatchGetItem. A key that DynamoDB
// did not process is not read again: a buyer waits, and what is not known refuses nobody. An error means that nothing is known.
func (r *Reader) Account(ctx context.Context, id contracts.OrderID, concertID, userID string) (admission.Account, error) {
	keys := func(name, value string) types.KeysAndAttributes {
		return types.KeysAndAttributes{
			ConsistentRead: aws.Bool(true),
			Keys:           []map[string]types.AttributeValue{{name: &types.AttributeValueMemberS{Value: value}}},
		}
	}
	var out *dynamodb.BatchGetItemOutput
	err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = r.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			r.tables.Orders:     keys("orderId", string(id)),
			r.tables.Allowances: keys("buyerConcert", readmodel.AllowanceKey(concertID, userID)),
		}})
		return err
	})
	if err != nil {
		return admission.Account{}, fmt.Errorf("read order %s and its allowance: %w", id, err)
	}
	a := admission.Account{RowUnknown: len(out.UnprocessedKeys[r.tables.Orders].Keys) > 0}
	for _, item := range out.Responses[r.tables.Orders] {
		a.Row = &readmodel.Order{}
		if err := attributevalue.UnmarshalMap(item, a.Row); err != nil {
			return admission.Account{}, fmt.Errorf("decode order %s: %w", id, err)
		}
	}
	for _, item := range out.Responses[r.tables.Allowances] {
		var allowance readmodel.Allowance
		if err := attributevalue.UnmarshalMap(item, &allowance); err != nil {
			return admission.Account{}, fmt.Errorf("decode allowance: %w", err)
		}
		a.Counted = &allowance.Seats
	}
	return a, nil
}
