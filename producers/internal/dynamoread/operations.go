package dynamoread

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
)

var errLaterForm = errors.New("the item was written by a later version of the program")

// Overview reads what reconcile wrote last, not consistently. An overview of a later form is an error.
func (r *Reader) Overview(ctx context.Context) (overview readmodel.Overview, found bool, err error) {
	item, err := r.item(ctx, r.tables.Overview, "item", readmodel.OverviewItem, false)
	var head struct {
		Form int `dynamodbav:"form"`
	}
	if err == nil && item != nil {
		// The attributes of a later form may be of other types.
		if err = attributevalue.UnmarshalMap(item, &head); err == nil && head.Form > readmodel.OverviewForm {
			err = errLaterForm
		}
	}
	if err == nil && item != nil {
		err = attributevalue.UnmarshalMap(item, &overview)
	}
	if err != nil {
		return readmodel.Overview{}, false, fmt.Errorf("read the overview: %w", err)
	}
	return overview, item != nil, nil
}

// ConcertSeats reads the seats of concerts, by id, not consistently. An item of a later form is missing.
func (r *Reader) ConcertSeats(ctx context.Context, concertIDs []string) (map[string]readmodel.ConcertSeats, error) {
	seats := map[string]readmodel.ConcertSeats{}
	keys := make([]string, len(concertIDs))
	for i, id := range concertIDs {
		keys[i] = readmodel.ConcertItem(id)
	}
	err := r.batches(ctx, r.tables.Overview, "item", keys, "", nil, func(item map[string]types.AttributeValue) error {
		var form struct {
			Form int `dynamodbav:"form"`
		}
		var s readmodel.ConcertSeats
		if err := attributevalue.UnmarshalMap(item, &form); err != nil || form.Form > readmodel.OverviewForm {
			return err
		}
		err := attributevalue.UnmarshalMap(item, &s)
		seats[s.ConcertID] = s
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read seats of concerts: %w", err)
	}
	return seats, nil
}

// DeadLetters returns at most limit letters, 1 to 100, the newest first, beginning after a key of the index. The index has only keys,
// and it may be a second old. Of the letters only what is shown is sent: a body may have 300 KB.
func (r *Reader) DeadLetters(
	ctx context.Context, after readmodel.LetterKey, limit int,
) (letters []readmodel.DeadLetter, last readmodel.LetterKey, more bool, err error) {
	in := &dynamodb.QueryInput{
		TableName: aws.String(r.tables.DeadLetters), IndexName: aws.String(readmodel.IndexLetters),
		KeyConditionExpression:    aws.String("letterList = :list"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":list": &types.AttributeValueMemberS{Value: readmodel.ListLetters}},
		ScanIndexForward:          aws.Bool(false),
		// One more than is returned: so the last page is known to be the last.
		Limit: aws.Int32(int32(limit) + 1), //nolint:gosec // G115: 101 at most
	}
	if after.MessageKey != "" {
		if in.ExclusiveStartKey, err = attributevalue.MarshalMap(after); err != nil {
			return nil, last, false, fmt.Errorf("key of the last letter: %w", err)
		}
	}
	var out *dynamodb.QueryOutput
	err = r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = r.client.Query(ctx, in)
		return err
	})
	if err != nil {
		return nil, last, false, fmt.Errorf("read the list of letters: %w", err)
	}
	var keys []readmodel.LetterKey
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &keys); err != nil {
		return nil, last, false, fmt.Errorf("decode the list of letters: %w", err)
	}
	if more = len(keys) > limit; more {
		keys = keys[:limit]
	}
	if len(keys) == 0 {
		return nil, last, false, nil
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.MessageKey
	}
	byKey := map[string]readmodel.DeadLetter{}
	projection := "messageKey, #queue, kind, orderId, reason, #at"
	err = r.batches(ctx, r.tables.DeadLetters, "messageKey", names, projection, map[string]string{"#queue": "queue", "#at": "at"}, func(item map[string]types.AttributeValue) error {
		var letter readmodel.DeadLetter
		err := attributevalue.UnmarshalMap(item, &letter)
		byKey[letter.MessageKey] = letter
		return err
	})
	if err != nil {
		return nil, last, false, fmt.Errorf("read letters: %w", err)
	}
	for _, key := range keys {
		if letter, found := byKey[key.MessageKey]; found {
			letters = append(letters, letter)
		}
	}
	return letters, keys[len(keys)-1], more, nil
}

// batches reads items by their keys, rowsPerBatch a call, not consistently, and passes each to take, in no order. projection chooses
// attributes, "" all of them.
func (r *Reader) batches(
	ctx context.Context, table, key string, values []string, projection string, names map[string]string, take func(map[string]types.AttributeValue) error,
) error {
	for len(values) > 0 {
		some := values[:min(len(values), rowsPerBatch)]
		values = values[len(some):]
		request := types.KeysAndAttributes{ExpressionAttributeNames: names}
		if projection != "" {
			request.ProjectionExpression = aws.String(projection)
		}
		for _, value := range some {
			request.Keys = append(request.Keys, map[string]types.AttributeValue{key: &types.AttributeValueMemberS{Value: value}})
		}
		for n := 0; len(request.Keys) > 0; n++ {
			if n == batches {
				return errKeysLeft
			}
			var out *dynamodb.BatchGetItemOutput
			err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
				out, err = r.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: request}})
				return err
			})
			if err != nil {
				return err
			}
			for _, item := range out.Responses[table] {
				if err := take(item); err != nil {
					return err
				}
			}
			request.Keys = out.UnprocessedKeys[table].Keys
		}
	}
	return nil
}
