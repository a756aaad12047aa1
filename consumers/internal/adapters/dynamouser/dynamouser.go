// Package dynamouser reads accounts from DynamoDB. Its errors have neither an address nor a name.
package dynamouser

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one read with its second attempt.
const timeoutPerCall = 1500 * time.Millisecond

// Store is the table of accounts. It is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
}

var _ notify.Users = (*Store)(nil)

// New makes a Store.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

// User implements notify.Users. It reads only what a mail needs.
func (s *Store) User(ctx context.Context, userID string) (u readmodel.User, found bool, err error) {
	var out *dynamodb.GetItemOutput
	err = s.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = s.client.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: aws.String(s.table), ConsistentRead: aws.Bool(true),
				Key:                      map[string]types.AttributeValue{"accountItem": &types.AttributeValueMemberS{Value: readmodel.UserItem(userID)}},
				ProjectionExpression:     aws.String("userId, email, mailKey, emailConfirmed, #name, #locale, confirmNonce, resetNonce"),
				ExpressionAttributeNames: map[string]string{"#name": "name", "#locale": "locale"},
			})
			return err
		})
	})
	if err != nil {
		return readmodel.User{}, false, fmt.Errorf("read account %s: %w", userID, err)
	}
	if out.Item == nil {
		return readmodel.User{}, false, nil
	}
	if err := attributevalue.UnmarshalMap(out.Item, &u); err != nil {
		// The cause could show the value that cannot be read.
		return readmodel.User{}, false, fmt.Errorf("read account %s: its item has another form", userID)
	}
	return u, true, nil
}
