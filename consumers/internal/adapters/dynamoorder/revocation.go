package dynamoorder

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts/ticketcode"
)

// revocation returns the write of the codes that after makes invalid; nothing if there are none. It needs no condition: the row's
// own condition lets one version be written once, and the same version always revokes the same codes.
func (s *Store) revocation(before, after order.Order) ([]types.TransactWriteItem, error) {
	row, found := ticketcode.RevocationOf(before.Order, after.Order)
	if !found {
		return nil, nil
	}
	if s.tables.Revocations == "" {
		return nil, fmt.Errorf("order %s to %s: this function has no table of revocations and cannot make tickets invalid", after.OrderID, after.Status)
	}
	item, err := attributevalue.MarshalMap(row)
	if err != nil {
		return nil, fmt.Errorf("encode revocation %s: %w", row.OrderVersion, err)
	}
	return []types.TransactWriteItem{{Put: &types.Put{TableName: aws.String(s.tables.Revocations), Item: item}}}, nil
}
