package awsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"boxoffice/consumers/internal/retry"
)

func answered(status int, err error) error {
	return &smithy.OperationError{ServiceID: "S", OperationName: "O", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err},
	}}
}

func coded(code string, fault smithy.ErrorFault) error {
	return &smithy.GenericAPIError{Code: code, Message: "m", Fault: fault}
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, code := range codes {
		if code == "" {
			e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{})
			continue
		}
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: &code})
	}
	return answered(http.StatusBadRequest, e)
}

func TestResults(t *testing.T) {
	override := "AWS.SimpleQueueService.OverLimit"
	for name, c := range map[string]struct {
		err  error
		want retry.Result
	}{
		"nothing": {nil, retry.ResultOK},

		"refused condition":   {answered(400, &types.ConditionalCheckFailedException{}), retry.ResultRefused},
		"conflict":            {answered(400, &types.TransactionConflictException{}), retry.ResultConflict},
		"conflict of Regions": {answered(400, &types.ReplicatedWriteConflictException{}), retry.ResultConflict},

		"throughput of a table":    {answered(400, &types.ProvisionedThroughputExceededException{}), retry.ResultThrottled},
		"throughput of an account": {answered(400, &types.RequestLimitExceeded{}), retry.ResultThrottled},
		"ThrottlingException":      {answered(400, &types.ThrottlingException{}), retry.ResultThrottled},
		"SQS RequestThrottled":     {answered(400, &sqstypes.RequestThrottled{}), retry.ResultThrottled},
		"SQS OverLimit":            {answered(400, &sqstypes.OverLimit{}), retry.ResultThrottled},
		"SQS OverLimit, old name":  {answered(400, &sqstypes.OverLimit{ErrorCodeOverride: &override}), retry.ResultThrottled},
		"SQS KMS":                  {answered(400, &sqstypes.KmsThrottled{}), retry.ResultThrottled},
		"429 of any name":          {answered(429, coded("Whatever", smithy.FaultClient)), retry.ResultThrottled},
		"503 SlowDown":             {answered(503, coded("SlowDown", smithy.FaultServer)), retry.ResultThrottled},

		"500":                      {answered(500, &types.InternalServerError{}), retry.ResultUnknown},
		"503":                      {answered(503, coded("ServiceUnavailable", smithy.FaultServer)), retry.ResultUnknown},
		"500 without a code":       {answered(500, errors.New("not JSON")), retry.ResultUnknown},
		"RequestTimeout":           {answered(400, coded("RequestTimeout", smithy.FaultClient)), retry.ResultUnknown},
		"clocks that differ":       {answered(400, coded("RequestTimeTooSkewed", smithy.FaultClient)), retry.ResultUnknown},
		"transaction in progress":  {answered(400, &types.TransactionInProgressException{}), retry.ResultUnknown},
		"failure without a status": {coded("Whatever", smithy.FaultServer), retry.ResultUnknown},

		"no connection":      {&smithyhttp.RequestSendError{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, retry.ResultUnknown},
		"connection reset":   {&smithyhttp.RequestSendError{Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, retry.ResultUnknown},
		"no end of the body": {fmt.Errorf("deserialization failed: %w", io.ErrUnexpectedEOF), retry.ResultUnknown},
		"no answer in time":  {fmt.Errorf("x: %w", context.DeadlineExceeded), retry.ResultUnknown},
		"given up":           {&smithy.CanceledError{Err: context.Canceled}, retry.ResultUnknown},

		"no such table":          {answered(400, &types.ResourceNotFoundException{}), retry.ResultInvalid},
		"no such queue":          {answered(400, &sqstypes.QueueDoesNotExist{}), retry.ResultInvalid},
		"an expired receipt":     {answered(404, &sqstypes.ReceiptHandleIsInvalid{}), retry.ResultInvalid},
		"validation":             {answered(400, coded("ValidationException", smithy.FaultUnknown)), retry.ResultInvalid},
		"not allowed":            {answered(403, coded("AccessDeniedException", smithy.FaultClient)), retry.ResultInvalid},
		"another's token":        {answered(400, &types.IdempotentParameterMismatchException{}), retry.ResultInvalid},
		"fault without a status": {coded("Whatever", smithy.FaultClient), retry.ResultInvalid},
		"parameter missing":      {smithy.InvalidParamsError{Context: "PutItemInput"}, retry.ResultInvalid},
		"cannot be encoded":      {&smithy.SerializationError{Err: errors.New("x")}, retry.ResultInvalid},

		"cancelled, condition":              {cancelled("None", "ConditionalCheckFailed"), retry.ResultRefused},
		"cancelled, conflict":               {cancelled("TransactionConflict", "None"), retry.ResultConflict},
		"cancelled, throttle":               {cancelled("", "ThrottlingError"), retry.ResultThrottled},
		"cancelled, throughput":             {cancelled("ProvisionedThroughputExceeded"), retry.ResultThrottled},
		"cancelled, invalid":                {cancelled("ThrottlingError", "ValidationError"), retry.ResultInvalid},
		"cancelled, condition and conflict": {cancelled("TransactionConflict", "ConditionalCheckFailed"), retry.ResultRefused},
		"cancelled, condition and throttle": {cancelled("ThrottlingError", "ConditionalCheckFailed"), retry.ResultRefused},
		"cancelled, conflict and throttle":  {cancelled("ThrottlingError", "TransactionConflict"), retry.ResultConflict},
		"cancelled for an unknown code":     {cancelled("Whatever"), retry.ResultUnknown},
		"cancelled without a reason":        {cancelled(), retry.ResultUnknown},
	} {
		for wrapped, err := range map[string]error{"as it is": c.err, "wrapped": fmt.Errorf("put: %w", c.err)} {
			if c.err == nil && wrapped == "wrapped" {
				continue
			}
			if got := ResultOf(err); got != c.want {
				t.Errorf("%s, %s, is %s, want %s", name, wrapped, got, c.want)
			}
		}
	}
}
