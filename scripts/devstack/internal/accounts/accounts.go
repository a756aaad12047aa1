// Package accounts writes accounts for tokens that are made without a login. Nobody can log in to them: they have no password, and
// no address that anybody can sign up with.
package accounts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

const (
	// batch is the most items that DynamoDB takes in one call.
	batch = 25
	// atOnce is how many calls are under way at a time.
	atOnce = 4
	// maxTries bounds the calls for the items of one batch.
	maxTries = 20
	tryAgain = 50 * time.Millisecond
)

// Write writes an account for each user id into the table, in place of one that Write has written before. The accounts are operators'
// or buyers'.
func Write(ctx context.Context, client *dynamodb.Client, table string, userIDs []string, operator bool, now time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for ids := range slices.Chunk(userIDs, batch) {
		group.Go(func() error { return write(ctx, client, table, ids, operator, now) })
	}
	return group.Wait()
}

func write(ctx context.Context, client *dynamodb.Client, table string, userIDs []string, operator bool, now time.Time) error {
	var writes []types.WriteRequest
	for _, id := range userIDs {
		item, err := attributevalue.MarshalMap(readmodel.User{
			Item: readmodel.UserItem(id), UserID: id, Email: id + "@local.invalid", Name: id, Locale: "en", CreatedAt: contracts.InstantOf(now),
			Operator: operator,
		})
		if err != nil {
			return fmt.Errorf("account %s: %w", id, err)
		}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	for range maxTries {
		out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: writes}})
		if err != nil {
			return fmt.Errorf("write accounts: %w", err)
		}
		if writes = out.UnprocessedItems[table]; len(writes) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tryAgain):
		}
	}
	return fmt.Errorf("write accounts: %d were not taken in %d tries", len(writes), maxTries)
}
