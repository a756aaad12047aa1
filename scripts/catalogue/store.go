package catalogue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

func (l *loader) storedConcert(ctx context.Context, id string) (readmodel.Concert, bool, error) {
	out, err := l.target.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.target.ConcertsTable, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: id}},
	})
	if err != nil {
		return readmodel.Concert{}, false, fmt.Errorf("read its row: %w", err)
	}
	if out.Item == nil {
		return readmodel.Concert{}, false, nil
	}
	var c readmodel.Concert
	if err := attributevalue.UnmarshalMap(out.Item, &c); err != nil {
		return readmodel.Concert{}, false, fmt.Errorf("read its row: %w", err)
	}
	return c, true, nil
}

// storedConcerts returns all stored concerts, sorted by id.
func (l *loader) storedConcerts(ctx context.Context) ([]readmodel.Concert, error) {
	pages := dynamodb.NewScanPaginator(l.target.DynamoDB, &dynamodb.ScanInput{TableName: &l.target.ConcertsTable, ConsistentRead: aws.Bool(true)})
	var concerts []readmodel.Concert
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the stored concerts: %w", err)
		}
		var some []readmodel.Concert
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &some); err != nil {
			return nil, fmt.Errorf("read the stored concerts: %w", err)
		}
		concerts = append(concerts, some...)
	}
	slices.SortFunc(concerts, func(a, b readmodel.Concert) int { return strings.Compare(a.ConcertID, b.ConcertID) })
	return concerts, nil
}

// inParallel calls do for each element of all, up to limit calls at once. The first failure cancels the others and is returned.
func inParallel[T any](ctx context.Context, limit int, all []T, do func(context.Context, T) error) error {
	calls, callCtx := errgroup.WithContext(ctx)
	calls.SetLimit(max(limit, 1))
	for _, one := range all {
		calls.Go(func() error { return do(callCtx, one) })
	}
	return calls.Wait()
}

// putConcert sets every attribute except the mark, which only freeze sets, and the cancellation, which only Cancel sets. A plain
// put would delete both: it would close a running sale, or open a cancelled one. Optional attributes that the catalogue leaves out
// are removed. The condition is that the layout version has not changed since it was read.
func (l *loader) putConcert(ctx context.Context, c readmodel.Concert, stored readmodel.Concert, found bool) error {
	item, err := attributevalue.MarshalMap(c)
	if err != nil {
		return fmt.Errorf("write its row: %w", err)
	}
	key := map[string]types.AttributeValue{"concertId": item["concertId"]}
	delete(item, "concertId")
	names, values := map[string]string{"#version": "layoutVersion"}, map[string]types.AttributeValue{}
	var sets []string
	for i, name := range slices.Sorted(maps.Keys(item)) {
		n := strconv.Itoa(i)
		names["#a"+n], values[":a"+n] = name, item[name]
		sets = append(sets, "#a"+n+" = :a"+n)
	}
	update := "SET " + strings.Join(sets, ", ")
	var removes []string
	for _, name := range readmodel.OptionalConcertAttributes() {
		if _, there := item[name]; !there {
			removes = append(removes, name)
		}
	}
	if len(removes) > 0 {
		update += " REMOVE " + strings.Join(removes, ", ")
	}
	condition := "attribute_not_exists(#version)"
	if found {
		condition = "#version = :stored"
		values[":stored"] = number(stored.LayoutVersion)
		if stored.LayoutVersion != c.LayoutVersion {
			// reconcile may have set the mark since the read.
			condition += " AND attribute_not_exists(layoutFrozen)"
		}
	}
	return l.update(ctx, key, update, condition, names, values)
}

// freeze marks the layout version as complete, so that it may be sold. It may be repeated.
func (l *loader) freeze(ctx context.Context, c readmodel.Concert) error {
	return l.update(ctx,
		map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: c.ConcertID}},
		"SET layoutFrozen = :v", "layoutVersion = :v", nil,
		map[string]types.AttributeValue{":v": number(c.LayoutVersion)})
}

func (l *loader) update(ctx context.Context, key map[string]types.AttributeValue, update, condition string, names map[string]string, values map[string]types.AttributeValue) error {
	_, err := l.target.DynamoDB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.target.ConcertsTable, Key: key, UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return fmt.Errorf("write its row: another load changed its layout version meanwhile: %w", err)
	}
	if err != nil {
		return fmt.Errorf("write its row: %w", err)
	}
	return nil
}

func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

// maxBatch is SQS's limit for one SendMessageBatch.
const maxBatch = 10

func (l *loader) send(ctx context.Context, messages []message.Encoded) error {
	entries := make([]sqstypes.SendMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		attributes := map[string]sqstypes.MessageAttributeValue{}
		for name, value := range m.Attributes.Map() {
			attributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
		entries[i] = sqstypes.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: &m.Body, MessageAttributes: attributes,
			MessageGroupId: &m.Group, MessageDeduplicationId: &m.DeduplicationID,
		}
	}
	out, err := l.target.SQS.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &l.target.OrdersQueueURL, Entries: entries})
	if err != nil {
		return fmt.Errorf("send RebuildGroup: %w", err)
	}
	var failed []error
	for _, f := range out.Failed {
		failed = append(failed, fmt.Errorf("send RebuildGroup: entry %s: %s: %s", aws.ToString(f.Id), aws.ToString(f.Code), aws.ToString(f.Message)))
	}
	return errors.Join(failed...)
}
