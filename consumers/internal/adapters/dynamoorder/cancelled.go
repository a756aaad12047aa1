package dynamoorder

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Codes in the reasons of a cancelled transaction. Everything but a refused condition may pass at another try.
const (
	codeNone      = "None"
	codeCondition = "ConditionalCheckFailed"
	codeConflict  = "TransactionConflict"
)

// refusedAt reports whether the condition of the i-th action was refused.
func refusedAt(e *types.TransactionCanceledException, i int) bool {
	return i < len(e.CancellationReasons) && code(e.CancellationReasons[i]) == codeCondition
}

// otherReason reports whether an action failed for something other than its condition: a conflict or a throttle. Then a
// refused condition is not final.
func otherReason(e *types.TransactionCanceledException) bool {
	for _, r := range e.CancellationReasons {
		if c := code(r); c != codeNone && c != codeCondition {
			return true
		}
	}
	return false
}

// conflicted reports whether a call failed only because another transaction was writing the same item. The result is
// unknown, but it is no failure for the breaker: the tables are healthy, and many writers of one row must not stop all
// calls.
func conflicted(err error) bool {
	var single *types.TransactionConflictException
	if errors.As(err, &single) {
		return true
	}
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return false
	}
	for _, r := range cancelled.CancellationReasons {
		if c := code(r); c != codeNone && c != codeCondition && c != codeConflict {
			return false
		}
	}
	return true
}

func code(r types.CancellationReason) string {
	if r.Code == nil {
		return codeNone
	}
	return *r.Code
}
