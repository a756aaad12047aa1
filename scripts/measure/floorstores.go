package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/awsclient"
)

// copies are empty copies of the stack's queues, tables and bus, for bare loops.
type copies struct {
	sqs     *sqs.Client
	dynamo  *dynamodb.Client
	streams *dynamodbstreams.Client
	bus     *eventbridge.Client

	ordersQueue, expiriesQueue, paymentsQueue string
	ordersTable, allowancesTable              string
	streamARN, busName                        string
}

func (s *stack) copy(ctx context.Context) (*copies, error) {
	cfg, err := awsclient.Load(ctx)
	if err != nil {
		return nil, err
	}
	name := newRun()
	c := &copies{
		sqs: s.Queues, dynamo: s.Dynamo, bus: s.Buses, streams: dynamodbstreams.NewFromConfig(cfg),
		ordersTable: name + "-orders", allowancesTable: name + "-allowances", busName: name,
	}
	var ordersErr, expiriesErr, paymentsErr error
	c.ordersQueue, ordersErr = c.copyQueue(ctx, s.Queue("orders"), name+"-orders.fifo")
	c.expiriesQueue, expiriesErr = c.copyQueue(ctx, s.Queue("expiries"), name+"-expiries.fifo")
	c.paymentsQueue, paymentsErr = c.copyQueue(ctx, s.Queue("payments"), name+"-payments.fifo")
	_, busErr := c.bus.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &name})
	err = errors.Join(ordersErr, expiriesErr, paymentsErr, busErr, c.copyTable(ctx, s.Table("orders"), c.ordersTable), c.copyTable(ctx, s.Table("allowances"), c.allowancesTable))
	if err != nil {
		return nil, errors.Join(err, c.remove(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// copiedAttributes are the attributes that affect the cost of a queue.
var copiedAttributes = []sqstypes.QueueAttributeName{
	sqstypes.QueueAttributeNameFifoQueue, sqstypes.QueueAttributeNameDeduplicationScope, sqstypes.QueueAttributeNameFifoThroughputLimit,
	sqstypes.QueueAttributeNameDelaySeconds, sqstypes.QueueAttributeNameVisibilityTimeout,
}

func (c *copies) copyQueue(ctx context.Context, url, name string) (string, error) {
	out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: copiedAttributes})
	if err != nil {
		return "", fmt.Errorf("attributes of %s: %w", url, err)
	}
	made, err := c.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: out.Attributes})
	if err != nil {
		return "", fmt.Errorf("create queue %s: %w", name, err)
	}
	return aws.ToString(made.QueueUrl), nil
}

func (c *copies) copyTable(ctx context.Context, table, name string) error {
	out, err := c.dynamo.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	input := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: out.Table.AttributeDefinitions, KeySchema: out.Table.KeySchema, StreamSpecification: out.Table.StreamSpecification,
	}
	for _, i := range out.Table.GlobalSecondaryIndexes {
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{IndexName: i.IndexName, KeySchema: i.KeySchema, Projection: i.Projection})
	}
	made, err := c.dynamo.CreateTable(ctx, input)
	if err != nil {
		return fmt.Errorf("create table %s: %w", name, err)
	}
	if arn := aws.ToString(made.TableDescription.LatestStreamArn); arn != "" {
		c.streamARN = arn
	}
	return nil
}

// remove deletes the copies that exist.
func (c *copies) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var problems []error
	for _, url := range []string{c.ordersQueue, c.expiriesQueue, c.paymentsQueue} {
		if url != "" {
			_, err := c.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
			problems = append(problems, err)
		}
	}
	for _, table := range []string{c.ordersTable, c.allowancesTable} {
		_, err := c.dynamo.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table})
		var absent *types.ResourceNotFoundException
		if !errors.As(err, &absent) {
			problems = append(problems, err)
		}
	}
	_, err := c.bus.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: &c.busName})
	return errors.Join(append(problems, err)...)
}

// putRow writes a row with the order's id, and with a new buyer's allowance if it is held, as reserve does.
func (b *bare) putRow(ctx context.Context, order contracts.OrderID, row map[string]types.AttributeValue, held bool) error {
	item := maps.Clone(row)
	id := &types.AttributeValueMemberS{Value: string(order)}
	item["orderId"] = id
	absent := aws.String("attribute_not_exists(orderId)")
	if !held {
		_, err := b.dynamo.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.ordersTable, Item: item, ConditionExpression: absent})
		return err
	}
	_, err := b.dynamo.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &b.ordersTable, Item: item, ConditionExpression: absent}},
		{Update: &types.Update{
			TableName: &b.allowancesTable, Key: map[string]types.AttributeValue{"buyerConcert": id},
			UpdateExpression: aws.String("ADD seats :n"), ConditionExpression: aws.String("attribute_not_exists(seats) OR seats <= :n"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: "2"}},
		}},
	}})
	return err
}

// streamBatch and streamPause are as in an event source mapping.
const (
	streamBatch = 100
	streamPause = 250 * time.Millisecond
)

// follow reads the stream of orders until it has read every version.
func (b *bare) follow(ctx context.Context, handle func(context.Context, []streamtypes.Record) error) error {
	described, err := b.streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &b.streamARN})
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if len(described.StreamDescription.Shards) != 1 {
		return fmt.Errorf("the stream has %d shards, want the emulator's one", len(described.StreamDescription.Shards))
	}
	start, err := b.streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &b.streamARN, ShardId: described.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	iterator := start.ShardIterator
	// A held order has two versions.
	for seen := int64(0); seen < b.orders+b.held; {
		out, err := b.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(streamBatch)})
		if err != nil {
			return fmt.Errorf("stream: %w", err)
		}
		if len(out.Records) > 0 {
			if err := handle(ctx, out.Records); err != nil {
				return err
			}
			seen += int64(len(out.Records))
		} else if err := pauseFor(ctx, streamPause); err != nil {
			return err
		}
		iterator = out.NextShardIterator
	}
	return nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// maxMirrored bounds how many orders are mirrored at once, as in mirror.
const maxMirrored = 16

func (b *bare) mirror(ctx context.Context, records []streamtypes.Record) error {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxMirrored)
	for _, r := range records {
		calls.Go(func() error {
			id, ok := r.Dynamodb.Keys["orderId"].(*streamtypes.AttributeValueMemberS)
			if !ok {
				return errors.New("a record has no order id")
			}
			_, err := b.dynamo.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: &b.ordersTable, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: id.Value}},
			})
			return errors.Join(err, b.redis.Ping(ctx).Err())
		})
	}
	return calls.Wait()
}

// publish puts events on the bus that are about as long as those of an order.
func (b *bare) publish(ctx context.Context, records []streamtypes.Record) error {
	for chunk := range slices.Chunk(records, maxBatch) {
		var entries []bustypes.PutEventsRequestEntry
		for range chunk {
			entries = append(entries, bustypes.PutEventsRequestEntry{
				EventBusName: &b.busName, Source: aws.String("measure"), DetailType: aws.String("Order"), Detail: &b.detail,
			})
		}
		if _, err := b.bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries}); err != nil {
			return err
		}
	}
	return nil
}
