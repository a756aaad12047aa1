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

// ErrNoConcert means that the concert is not stored.
var ErrNoConcert = errors.New("there is no such concert")

// Cancellation is the result of Cancel.
type Cancellation struct {
	ConcertID string `json:"concertId"`
	// Before is the state of the sale before the call.
	Before readmodel.SaleState `json:"before"`
	// CancelledAt is when the concert was cancelled, by this call or before; nil after a dry run for a concert that is not
	// cancelled.
	CancelledAt *contracts.Instant `json:"cancelledAt,omitempty"`
	// Changed: this call has cancelled the concert, or would have without DryRun. A concert is cancelled once.
	Changed bool `json:"changed"`
	DryRun  bool `json:"dryRun"`
}

// Cancel ends the sale of a concert for good. Within 10 s, for which producers keep a concert in memory, POST /orders returns 422
// concert_cancelled and the concert's status is cancelled. Nothing undoes it, a load of the catalogue included. It is safe to
// repeat, also at the same time as a load or another Cancel.
//
// It changes no order. Accepted orders are decided, open ones may be paid until their holds end, and tickets stay valid. Of
// target it uses DynamoDB and ConcertsTable.
func Cancel(ctx context.Context, target Target, concertID string, dryRun bool, now func() time.Time) (Cancellation, error) {
	if !contracts.ValidConcertID(concertID) {
		return Cancellation{}, fmt.Errorf("cancel concert %q: %w", concertID, ErrNoConcert)
	}
	l := loader{target: target}
	at := contracts.InstantOf(now())
	c := Cancellation{ConcertID: concertID, DryRun: dryRun}
	// The second pass is for a concert that another call has cancelled after it was read.
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
