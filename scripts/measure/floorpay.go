package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stripe/stripe-go/v76"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts/message"
)

// payments makes the calls of pay for a batch of OpenPayments: a token of the rate limit, the read of the row, the PaymentIntent,
// and the put of the row's next version.
func (b *bare) payments(ctx context.Context, batch []sqstypes.Message) error {
	calls, ctx := errgroup.WithContext(ctx)
	for _, one := range batch {
		calls.Go(func() error {
			order := aws.ToString(one.MessageAttributes[message.AttributeOrder].StringValue)
			id := &types.AttributeValueMemberS{Value: order}
			_, readErr := b.dynamo.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: &b.ordersTable, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"orderId": id},
			})
			if err := errors.Join(readErr, b.redis.Ping(ctx).Err()); err != nil {
				return err
			}
			// The metadata names no environment, so the stack's webhook ignores events of this PaymentIntent.
			params := &stripe.PaymentIntentParams{
				Amount: stripe.Int64(12000), Currency: stripe.String("eur"), CaptureMethod: stripe.String("manual"),
				PaymentMethodTypes: stripe.StringSlice([]string{"card"}), Metadata: map[string]string{"orderId": order},
			}
			params.Context = ctx
			params.SetIdempotencyKey("floor:" + order)
			if _, err := b.merchant.PaymentIntents.New(params); err != nil {
				return fmt.Errorf("PaymentIntent: %w", err)
			}
			item := maps.Clone(b.awaitingRow)
			item["orderId"] = id
			// The put must change the row, or the stream gets no record.
			item["version"] = &types.AttributeValueMemberN{Value: "99"}
			_, err := b.dynamo.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.ordersTable, Item: item, ConditionExpression: aws.String("attribute_exists(orderId)")})
			return err
		})
	}
	return calls.Wait()
}
