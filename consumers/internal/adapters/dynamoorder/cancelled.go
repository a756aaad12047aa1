package dynamoorder

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Codes of a cancelled transaction's reasons. Everything but a refused condition may pass at another try.
const (
	codeNone      = "None"
	codeCondition = "ConditionalCheckFailed"
	codeConflict  = "TransactionConflict"
)

// refusedAt says whether the condition of the i-th action was refused.
func refusedAt(e *types.TransactionCanceledException, i int) bool {
	return i < len(e.CancellationReasons) && code(e.CancellationReasons[i]) == codeCondition
}

// otherReason says whether an action failed for anything but its condition: a conflict, a throttle. Then what the
// conditions said is not the last word.
func otherReason(e *types.TransactionCanceledException) bool {
	for _, r := range e.CancellationReasons {
		if c := code(r); c != codeNone && c != codeCondition {
			return true
		}
	}
	return false
}

// conflicted says whether a call failed for nothing but another transaction at the same item. That is no answer, and no
// failure for the breaker either: the tables are well, and many at one row must not stop everybody's calls.
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
