package sqssend

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// RejectedError is an entry that SQS refused by the sender's fault, as a bad character or a receipt that has expired:
// the same entry would be refused again.
type RejectedError struct {
	Operation string
	// Code is SQS's, as InvalidParameterValue.
	Code string
	// Detail is SQS's sentence.
	Detail string
}

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("%s: entry rejected: %s: %s", e.Operation, e.Code, e.Detail)
}

// FailedError is an entry that failed on SQS's side, as a throttled one. It may pass later.
type FailedError struct {
	Operation string
	Code      string
	Detail    string
}

// Error implements error.
func (e *FailedError) Error() string {
	return fmt.Sprintf("%s: entry failed: %s: %s", e.Operation, e.Code, e.Detail)
}

// Healthy is the IsSuccessful of a breaker around SQS: a rejected entry shows a queue in good health. An error that
// holds anything else beside it counts as a failure.
func Healthy(err error) bool {
	if err == nil {
		return true
	}
	var rejected *RejectedError
	var failed *FailedError
	return errors.As(err, &rejected) && !errors.As(err, &failed)
}

// failedEntries makes one error of the entries that a batch call did not carry out. A batch call answers 200 also when
// each of its entries failed. An entry that is named in neither list is unknown, so it counts as failed.
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

// entryErrors is failedEntries for each entry of a send. Their ids are their positions.
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
	// Last, so that an entry that stands in both lists has failed.
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
