package sqssend

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// RejectedError is an entry that SQS refused by the sender's fault, such as a forbidden character or an expired receipt:
// the same entry would be refused again.
type RejectedError struct {
	Operation string
	// Code is SQS's code, for example InvalidParameterValue.
	Code string
	// Detail is SQS's message.
	Detail string
}

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("%s: entry rejected: %s: %s", e.Operation, e.Code, e.Detail)
}

// FailedError is an entry that failed on SQS's side, such as a throttled one. It may pass.
type FailedError struct {
	Operation string
	Code      string
	Detail    string
}

// Error implements error.
func (e *FailedError) Error() string {
	return fmt.Sprintf("%s: entry failed: %s: %s", e.Operation, e.Code, e.Detail)
}

// Healthy is the IsSuccessful of a breaker before SQS: a queue that rejects an entry is healthy. An error that also
// contains anything else counts as a failure.
func Healthy(err error) bool {
	if err == nil {
		return true
	}
	var rejected *RejectedError
	var failed *FailedError
	return errors.As(err, &rejected) && !errors.As(err, &failed)
}

// failedEntries returns one error for all entries that a batch call did not carry out. A batch call returns 200 even if
// each of its entries failed. An entry in neither list is unknown and counts as failed.
func failedEntries(operation string, failed []types.BatchResultErrorEntry, succeeded, sent int) error {
	var problems []error
	for _, entry := range failed {
		problems = append(problems, entryError(operation, entry))
	}
	if unknown := sent - succeeded - len(failed); unknown > 0 {
		problems = append(problems, &FailedError{Operation: operation, Code: "Unknown", Detail: fmt.Sprintf("%d entries without an answer", unknown)})
	}
	return errors.Join(problems...)
}

func entryError(operation string, entry types.BatchResultErrorEntry) error {
	code, detail := aws.ToString(entry.Code), aws.ToString(entry.Message)
	if entry.SenderFault {
		return &RejectedError{Operation: operation, Code: code, Detail: detail}
	}
	return &FailedError{Operation: operation, Code: code, Detail: detail}
}

// entryErrors returns the error of each entry of a send. The id of an entry is its position.
func entryErrors(operation string, out *sqs.SendMessageBatchOutput, sent int) []error {
	answers := make([]error, sent)
	for i := range answers {
		answers[i] = &FailedError{Operation: operation, Code: "Unknown", Detail: "entry without an answer"}
	}
	for _, entry := range out.Successful {
		if i, ok := position(entry.Id, sent); ok {
			answers[i] = nil
		}
	}
	// Last, so that an entry in both lists has failed.
	for _, entry := range out.Failed {
		if i, ok := position(entry.Id, sent); ok {
			answers[i] = entryError(operation, entry)
		}
	}
	return answers
}

func position(id *string, sent int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < sent
}
