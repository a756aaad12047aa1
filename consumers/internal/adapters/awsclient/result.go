package awsclient

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"boxoffice/consumers/internal/retry"
)

// codes is the one table of what an error code of AWS means. What is not in it goes by the status of the answer.
var codes = map[string]retry.Result{
	"ConditionalCheckFailedException": retry.ResultRefused,

	"TransactionConflictException":     retry.ResultConflict,
	"ReplicatedWriteConflictException": retry.ResultConflict,

	"ProvisionedThroughputExceededException": retry.ResultThrottled,
	"RequestLimitExceeded":                   retry.ResultThrottled,
	"Throttling":                             retry.ResultThrottled,
	"ThrottlingException":                    retry.ResultThrottled,
	"ThrottledException":                     retry.ResultThrottled,
	"RequestThrottled":                       retry.ResultThrottled,
	"RequestThrottledException":              retry.ResultThrottled,
	"TooManyRequestsException":               retry.ResultThrottled,
	"KmsThrottled":                           retry.ResultThrottled,
	"KMS.ThrottlingException":                retry.ResultThrottled,
	"BandwidthLimitExceeded":                 retry.ResultThrottled,
	"SlowDown":                               retry.ResultThrottled,
	"PriorRequestNotComplete":                retry.ResultThrottled,
	// Too many messages of a queue are in flight.
	"OverLimit": retry.ResultThrottled,

	// The same token is still at work, from an attempt whose answer was not waited for.
	"TransactionInProgressException": retry.ResultUnknown,
	"RequestTimeout":                 retry.ResultUnknown,
	"RequestTimeoutException":        retry.ResultUnknown,
	// The clocks differ. The SDK has noted by how much, and signs the next attempt by that.
	"RequestTimeTooSkewed": retry.ResultUnknown,
	"RequestExpired":       retry.ResultUnknown,
	"RequestInTheFuture":   retry.ResultUnknown,
}

// reasons is the same for the reasons of a cancelled transaction.
var reasons = map[string]retry.Result{
	"ConditionalCheckFailed":          retry.ResultRefused,
	"TransactionConflict":             retry.ResultConflict,
	"ThrottlingError":                 retry.ResultThrottled,
	"ProvisionedThroughputExceeded":   retry.ResultThrottled,
	"ValidationError":                 retry.ResultInvalid,
	"ItemCollectionSizeLimitExceeded": retry.ResultInvalid,
}

// ResultOf tells what an error of an AWS client means. nil is retry.ResultOK.
func ResultOf(err error) retry.Result {
	var cancelled *types.TransactionCanceledException
	var api smithy.APIError
	var params smithy.InvalidParamsError
	var unsent *smithy.SerializationError
	switch {
	case err == nil:
		return retry.ResultOK
	case errors.As(err, &cancelled):
		return resultOfTransaction(cancelled)
	case errors.As(err, &api):
		return resultOfCode(err, api)
	case errors.As(err, &params), errors.As(err, &unsent):
		// Nothing was sent.
		return retry.ResultInvalid
	default:
		// No answer: no connection, a broken one, one that cannot be read, none in time.
		return retry.ResultUnknown
	}
}

func resultOfCode(err error, api smithy.APIError) retry.Result {
	// SQS's older names.
	if result, known := codes[strings.TrimPrefix(api.ErrorCode(), "AWS.SimpleQueueService.")]; known {
		return result
	}
	var answer interface{ HTTPStatusCode() int }
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	switch {
	case status == http.StatusTooManyRequests:
		return retry.ResultThrottled
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError, status == 0 && api.ErrorFault() == smithy.FaultClient:
		return retry.ResultInvalid
	default:
		return retry.ResultUnknown
	}
}

// resultOfTransaction goes by what is most certain. A refused condition is an answer, also beside a conflict. A conflict says
// that somebody else is at work, also beside a throttle. What is wrong with one action is wrong with all.
func resultOfTransaction(e *types.TransactionCanceledException) retry.Result {
	var found []retry.Result
	for _, r := range e.CancellationReasons {
		if r.Code == nil || *r.Code == "None" {
			continue
		}
		result, known := reasons[*r.Code]
		if !known {
			result = retry.ResultUnknown
		}
		found = append(found, result)
	}
	for _, result := range []retry.Result{retry.ResultInvalid, retry.ResultRefused, retry.ResultConflict, retry.ResultThrottled} {
		if slices.Contains(found, result) {
			return result
		}
	}
	return retry.ResultUnknown
}
