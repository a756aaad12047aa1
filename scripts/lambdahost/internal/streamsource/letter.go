package streamsource

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The reasons why records were given up, with Lambda's names.
const (
	conditionAttempts = "RetryAttemptsExhausted"
	conditionAge      = "RecordAgeExceeded"
)

// letter is what Lambda sends to the destination of failed records: a description of the records without their content. Its form
// is that of the page "Retain discarded records for a DynamoDB event source in Lambda" of Lambda's guide.
type letter struct {
	RequestContext requestContext `json:"requestContext"`
	// ResponseContext is omitted if the function was never invoked.
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	Batch           batchInfo        `json:"DDBStreamBatchInfo"`
}

type requestContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Attempts    int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	// FunctionError is null if the function did not fail as a whole but reported failed records.
	FunctionError *string `json:"functionError"`
}

type batchInfo struct {
	ShardID       string `json:"shardId"`
	StartSequence string `json:"startSequenceNumber"`
	EndSequence   string `json:"endSequenceNumber"`
	FirstArrival  string `json:"approximateArrivalOfFirstRecord"`
	LastArrival   string `json:"approximateArrivalOfLastRecord"`
	Records       int    `json:"batchSize"`
	StreamARN     string `json:"streamArn"`
}

// millisecondsUTC is the time format of a letter's timestamp.
const millisecondsUTC = "2006-01-02T15:04:05.000Z"

func (s *Source) letter(b batch, condition string) ([]byte, error) {
	first, last := b.records[0], b.records[len(b.records)-1]
	l := letter{
		RequestContext: requestContext{RequestID: s.options.NewID(), FunctionARN: s.options.FunctionARN, Condition: condition, Attempts: b.invoked},
		Version:        "1.0", Timestamp: s.options.Now().UTC().Format(millisecondsUTC),
		Batch: batchInfo{
			ShardID: b.shard, StartSequence: aws.ToString(first.Dynamodb.SequenceNumber), EndSequence: aws.ToString(last.Dynamodb.SequenceNumber),
			FirstArrival: arrival(first).UTC().Format(time.RFC3339), LastArrival: arrival(last).UTC().Format(time.RFC3339),
			Records: len(b.records), StreamARN: s.arn,
		},
	}
	if b.invoked > 0 {
		l.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: "$LATEST"}
		if b.failure != nil {
			l.ResponseContext.FunctionError = aws.String("Unhandled")
		}
	}
	encoded, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode letter: %w", err)
	}
	return encoded, nil
}
