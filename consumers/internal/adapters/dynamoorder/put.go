package dynamoorder

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts/readmodel"
)

// PutAll writes first versions of rows, each if there is none, and returns a result for each. Rows are put concurrently;
// those of one buyer whose seats are counted are put one after another, since transactions on one allowance would conflict.
// All puts are one call of the breaker: half open it lets one call through, and would refuse nine of ten concurrent puts.
//
// When the result of a buyer's put is unknown, the buyer's later rows are not tried.
//
// A refused put returns the stored row. It may be the row of this very call: the first attempt succeeded, its answer was
// lost, and its effect refused the second. So the caller compares the stored row with its own.
func (s *Store) PutAll(ctx context.Context, rows []order.Order) []order.PutResult {
	results := make([]order.PutResult, len(rows))
	err := s.breaker.Do(ctx, func(ctx context.Context) error {
		var wg sync.WaitGroup
		for _, lane := range lanes(rows) {
			wg.Go(func() {
				for at, i := range lane {
					if results[i] = s.putOne(ctx, rows[i]); results[i].Outcome == order.PutUnknown {
						// Which of the buyer's orders is over the limit depends on this one, so no later one is decided.
						for _, later := range lane[at+1:] {
							results[later].Err = errEarlierUnknown
						}
						break
					}
				}
			})
		}
		wg.Wait()
		var failed []error
		for _, r := range results {
			// A put that was not tried because of an earlier one adds nothing to the error of that one.
			if !conflicted(r.Err) && !errors.Is(r.Err, errEarlierUnknown) {
				failed = append(failed, r.Err)
			}
		}
		return errors.Join(failed...)
	})
	for i := range results {
		if results[i].Outcome == order.PutUnknown && results[i].Err == nil {
			results[i].Err = err // the breaker refused, so no put was tried
		}
	}
	return results
}

var errEarlierUnknown = errors.New("the result of an earlier order of the buyer is unknown")

// lanes returns the indexes of the rows in lists that may be put concurrently; the rows of one list are put in order.
func lanes(rows []order.Order) [][]int {
	var all [][]int
	ofBuyer := map[string]int{}
	for i, row := range rows {
		if row.Counted == 0 {
			all = append(all, []int{i})
			continue
		}
		key := readmodel.AllowanceKey(row.ConcertID, row.UserID)
		at, known := ofBuyer[key]
		if !known {
			at = len(all)
			ofBuyer[key] = at
			all = append(all, nil)
		}
		all[at] = append(all[at], i)
	}
	return all
}

func (s *Store) putOne(ctx context.Context, row order.Order) order.PutResult {
	item, err := encode(row)
	if err != nil {
		return order.PutResult{Err: err}
	}
	var r order.PutResult
	if row.Counted > 0 {
		r, err = s.putCounted(ctx, row, item)
	} else {
		r, err = s.putPlain(ctx, row, item)
	}
	if err != nil {
		return order.PutResult{Err: fmt.Errorf("put order %s: %w", row.OrderID, err)}
	}
	return r
}

const absent = "attribute_not_exists(orderId)"

func (s *Store) putPlain(ctx context.Context, row order.Order, item map[string]types.AttributeValue) (order.PutResult, error) {
	err := awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String(s.tables.Orders), Item: item, ConditionExpression: aws.String(absent),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		return err
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return storedRow(refused.Item)
	}
	return order.PutResult{Outcome: order.PutDone, Stored: row}, err
}

// errNotShown means that a put was refused and the response does not contain the stored row. Without this check the missing
// row would be taken for another order's, and the seats that this order holds would be freed.
var errNotShown = errors.New("refused without the stored row")

func storedRow(item map[string]types.AttributeValue) (order.PutResult, error) {
	if len(item) == 0 {
		return order.PutResult{}, errNotShown
	}
	stored, err := decode(item)
	if err != nil {
		return order.PutResult{}, err
	}
	return order.PutResult{Outcome: order.PutRefused, Stored: stored}, nil
}

// putCounted writes, in one transaction, the row if there is none, and the allowance if it stays within the limit. Reasons
// are read by position: a refused row counts before a refused allowance.
func (s *Store) putCounted(ctx context.Context, row order.Order, item map[string]types.AttributeValue) (order.PutResult, error) {
	err := awsclient.Try(ctx, timeoutPerCall, s.transaction([]types.TransactWriteItem{
		{Put: &types.Put{
			TableName: aws.String(s.tables.Orders), Item: item, ConditionExpression: aws.String(absent),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		{Update: s.count(row, row.Counted, &row.BuyerLimit)},
	}))
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return order.PutResult{Outcome: order.PutDone, Stored: row}, err
	}
	switch {
	case refusedAt(cancelled, 0):
		return storedRow(cancelled.CancellationReasons[0].Item)
	case refusedAt(cancelled, 1) && !otherReason(cancelled):
		return order.PutResult{Outcome: order.PutOverLimit}, nil
	default:
		return order.PutResult{}, err // a conflict or a throttle: the result is unknown
	}
}

// count is the update that changes a buyer's allowance by n seats, up to the limit where one is given.
func (s *Store) count(o order.Order, n int, limit *int) *types.Update {
	u := &types.Update{
		TableName: aws.String(s.tables.Allowances),
		Key: map[string]types.AttributeValue{
			"buyerConcert": &types.AttributeValueMemberS{Value: readmodel.AllowanceKey(o.ConcertID, o.UserID)},
		},
		UpdateExpression:          aws.String("ADD seats :n"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": number(n)},
	}
	if limit != nil {
		// A buyer without a row has no seats counted; the new ones alone may exceed the limit.
		u.ConditionExpression = aws.String("(attribute_not_exists(seats) AND :n <= :limit) OR seats <= :room")
		u.ExpressionAttributeValues[":limit"] = number(*limit)
		u.ExpressionAttributeValues[":room"] = number(*limit - n)
	}
	return u
}

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }
