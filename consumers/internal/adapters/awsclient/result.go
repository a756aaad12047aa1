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

// codes is the one table that maps AWS error codes to results. A code that is not in it is judged by the status of the
// response.
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

	// An earlier attempt with the same token, whose answer was not waited for, is still running.
	"TransactionInProgressException": retry.ResultUnknown,
	"RequestTimeout":                 retry.ResultUnknown,
	"RequestTimeoutException":        retry.ResultUnknown,
	// The clocks differ. The SDK has stored the difference and signs the next attempt with it.
	"RequestTimeTooSkewed": retry.ResultUnknown,
	"RequestExpired":       retry.ResultUnknown,
	"RequestInTheFuture":   retry.ResultUnknown,
}

// reasons maps the reasons of a cancelled transaction to results.
var reasons = map[string]retry.Result{
	"ConditionalCheckFailed":          retry.ResultRefused,
	"TransactionConflict":             retry.ResultConflict,
	"ThrottlingError":                 retry.ResultThrottled,
	"ProvisionedThroughputExceeded":   retry.ResultThrottled,
	"ValidationError":                 retry.ResultInvalid,
	"ItemCollectionSizeLimitExceeded": retry.ResultInvalid,
}

// ResultOf returns the result that an error of an AWS client means. nil is retry.ResultOK. An error without an answer is
// retry.ResultUnknown, unless nothing was sent: that is retry.ResultInvalid.
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
		// No answer: no connection, a broken one, an unreadable response, or a timeout.
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

// resultOfTransaction returns the most certain of the reasons. A refused condition counts before a conflict. A conflict
// means that another process is at work, and counts before a throttle. An invalid action makes the whole transaction
// invalid.
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
