package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// ErrNoConcert is what Cancel returns for a concert that is not stored.
var ErrNoConcert = errors.New("there is no such concert")

// Cancellation is what became of a Cancel.
type Cancellation struct {
	ConcertID string `json:"concertId"`
	// Before is the state of the sale before it.
	Before readmodel.SaleState `json:"before"`
	// CancelledAt is when the concert was cancelled, now or before; nil in a dry run for one that is not cancelled.
	CancelledAt *contracts.Instant `json:"cancelledAt,omitempty"`
	// Changed says that this call cancelled it, or would have if it were no dry run. A concert is cancelled once.
	Changed bool `json:"changed"`
	DryRun  bool `json:"dryRun"`
}

// Cancel ends the sale of a concert for good: from then on, within the 10 s for which producers keep a concert, POST /orders
// answers 422 concert_cancelled and its status is cancelled. Nothing lifts it, a load of the catalogue neither. It is safe to
// repeat, beside a load and beside another Cancel.
//
// It changes no order. Those that were accepted are decided, open ones may be paid until their holds end, and tickets stay valid.
// Of target it uses DynamoDB and ConcertsTable.
func Cancel(ctx context.Context, target Target, concertID string, dryRun bool, now func() time.Time) (Cancellation, error) {
	if !contracts.ValidConcertID(concertID) {
		return Cancellation{}, fmt.Errorf("cancel concert %q: %w", concertID, ErrNoConcert)
	}
	l := loader{target: target}
	at := contracts.InstantOf(now())
	c := Cancellation{ConcertID: concertID, DryRun: dryRun}
	// A second pass is for a concert that somebody else cancelled in between.
	for range 2 {
		stored, found, err := l.storedConcert(ctx, concertID)
		switch {
		case err != nil:
			return c, fmt.Errorf("cancel concert %s: %w", concertID, err)
		case !found:
			return c, fmt.Errorf("cancel concert %s: %w", concertID, ErrNoConcert)
		}
		c.Before = stored.Sale(at)
		if stored.CancelledAt != 0 {
			c.CancelledAt = &stored.CancelledAt
			return c, nil
		}
		if dryRun {
			c.Changed = true
			return c, nil
		}
		_, err = target.DynamoDB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:           &target.ConcertsTable,
			Key:                 map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: concertID}},
			UpdateExpression:    aws.String("SET cancelledAt = :now"),
			ConditionExpression: aws.String("attribute_exists(concertId) AND attribute_not_exists(cancelledAt)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":now": &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(at), 10)},
			},
		})
		var refused *types.ConditionalCheckFailedException
		switch {
		case err == nil:
			c.CancelledAt, c.Changed = &at, true
			return c, nil
		case !errors.As(err, &refused):
			return c, fmt.Errorf("cancel concert %s: %w", concertID, err)
		}
	}
	return c, fmt.Errorf("cancel concert %s: it changed twice meanwhile", concertID)
}
