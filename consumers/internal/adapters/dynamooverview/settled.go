package dynamooverview

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// settledTimeout bounds the count: it is a figure for operators, and the shard waits for it.
const settledTimeout = 500 * time.Millisecond

// Settled counts orders that reached a settled status. It is safe for concurrent use.
type Settled struct{ *Store }

// Add adds to the counts, in one call that blocks for at most 500 ms. It makes no second attempt, since the first may have counted.
func (s Settled) Add(ctx context.Context, counts map[contracts.Status]int, now contracts.Instant) error {
	in := &dynamodb.UpdateItemInput{
		TableName:                aws.String(s.table),
		Key:                      map[string]types.AttributeValue{"item": &types.AttributeValueMemberS{Value: readmodel.SettledItem}},
		ExpressionAttributeNames: map[string]string{"#since": "since"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":now": &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(now), 10)},
		},
	}
	var add []string
	for status, n := range counts {
		name, value := "#"+string(status), ":"+string(status)
		in.ExpressionAttributeNames[name] = string(status)
		in.ExpressionAttributeValues[value] = &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
		add = append(add, name+" "+value)
	}
	slices.Sort(add)
	in.UpdateExpression = aws.String("SET #since = if_not_exists(#since, :now) ADD " + strings.Join(add, ", "))
	err := s.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Once(ctx, settledTimeout, func(ctx context.Context) error {
			_, err := s.client.UpdateItem(ctx, in)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("count settled orders: %w", err)
	}
	return nil
}
