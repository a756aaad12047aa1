package streamsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"boxoffice/contracts/telemetry"
)

// deliver invokes the function until it has done all records, in order. It is false when ctx ended before that.
func (s *Source) deliver(ctx context.Context, records []types.Record) bool {
	delay := s.options.RetryDelay
	for {
		done, err := s.invoke(ctx, records)
		switch {
		case err == nil && done == len(records):
			return true
		case err != nil && s.options.BisectOnError && len(records) > 1:
			// The second half waits for the first, so that the order holds.
			half := len(records) / 2
			if !s.deliver(ctx, records[:half]) {
				return false
			}
			records, delay = records[half:], s.options.RetryDelay
			continue
		case done > 0:
			records, delay = records[done:], s.options.RetryDelay
		}
		reason := "partial failure"
		if err != nil {
			reason = err.Error()
		}
		s.options.Logger.Warn("a batch of a stream failed; it is tried again", telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Table,
			telemetry.KeyError, reason, telemetry.KeyRetryIn, telemetry.Milliseconds(delay))
		if !sleep(ctx, delay) {
			return false
		}
		delay = min(2*delay, s.options.MaxRetryDelay)
	}
}

// invoke gives the number of records that are done, counted from the first.
func (s *Source) invoke(ctx context.Context, records []types.Record) (int, error) {
	payload, err := encodeEvent(records, s.arn)
	if err != nil {
		return 0, err
	}
	s.counts.batches.Add(1)
	s.counts.records.Add(int64(len(records)))
	// An invocation under way at the end of ctx is waited for: the function has its own timeout.
	answer, err := s.target.Invoke(context.WithoutCancel(ctx), payload, 0)
	if err != nil {
		s.counts.batchFailures.Add(1)
		return 0, err
	}
	done, err := firstFailure(answer, records)
	if err != nil || done < len(records) {
		s.counts.batchFailures.Add(1)
	}
	return done, err
}

// firstFailure reads ReportBatchItemFailures: the lowest sequence number named is where the next try begins. An answer
// that names none means that all is done; one that cannot be read, or names a number of no record, fails the batch.
func firstFailure(answer []byte, records []types.Record) (int, error) {
	if len(strings.TrimSpace(string(answer))) == 0 {
		return len(records), nil
	}
	// Maps, since a struct would also take a member whose name differs in case, and AWS does not.
	var response map[string]json.RawMessage
	if err := json.Unmarshal(answer, &response); err != nil {
		return 0, fmt.Errorf("the function's answer: %w", err)
	}
	var reported []map[string]*string
	if list := response["batchItemFailures"]; list != nil {
		if err := json.Unmarshal(list, &reported); err != nil {
			return 0, fmt.Errorf("the function's answer: %w", err)
		}
	}
	place := make(map[string]int, len(records))
	for i, r := range records {
		place[aws.ToString(r.Dynamodb.SequenceNumber)] = i
	}
	first := len(records)
	for _, f := range reported {
		id := aws.ToString(f["itemIdentifier"])
		i, ok := place[id]
		if id == "" || !ok {
			return 0, fmt.Errorf("the function's answer names %q, which is not in the batch", id)
		}
		first = min(first, i)
	}
	return first, nil
}

// encodeEvent gives the event that Lambda makes of stream records.
func encodeEvent(records []types.Record, streamARN string) ([]byte, error) {
	event := events.DynamoDBEvent{Records: make([]events.DynamoDBEventRecord, len(records))}
	for i, r := range records {
		record, err := convert(r)
		if err != nil {
			return nil, err
		}
		record.EventSourceArn = streamARN
		event.Records[i] = record
	}
	encoded, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return encoded, nil
}

func convert(r types.Record) (events.DynamoDBEventRecord, error) {
	change := events.DynamoDBStreamRecord{
		SequenceNumber: aws.ToString(r.Dynamodb.SequenceNumber), SizeBytes: aws.ToInt64(r.Dynamodb.SizeBytes), StreamViewType: string(r.Dynamodb.StreamViewType),
		ApproximateCreationDateTime: events.SecondsEpochTime{Time: aws.ToTime(r.Dynamodb.ApproximateCreationDateTime)},
	}
	var keysErr, newErr, oldErr error
	change.Keys, keysErr = image(r.Dynamodb.Keys)
	change.NewImage, newErr = image(r.Dynamodb.NewImage)
	change.OldImage, oldErr = image(r.Dynamodb.OldImage)
	if err := errors.Join(keysErr, newErr, oldErr); err != nil {
		return events.DynamoDBEventRecord{}, err
	}
	out := events.DynamoDBEventRecord{
		AWSRegion: aws.ToString(r.AwsRegion), Change: change, EventID: aws.ToString(r.EventID), EventName: string(r.EventName),
		EventSource: aws.ToString(r.EventSource), EventVersion: aws.ToString(r.EventVersion),
	}
	if r.UserIdentity != nil {
		out.UserIdentity = &events.DynamoDBUserIdentity{Type: aws.ToString(r.UserIdentity.Type), PrincipalID: aws.ToString(r.UserIdentity.PrincipalId)}
	}
	return out, nil
}

func image(in map[string]types.AttributeValue) (map[string]events.DynamoDBAttributeValue, error) {
	if in == nil {
		return nil, nil
	}
	out := make(map[string]events.DynamoDBAttributeValue, len(in))
	for name, value := range in {
		converted, err := attribute(value)
		if err != nil {
			return nil, err
		}
		out[name] = converted
	}
	return out, nil
}

func attribute(in types.AttributeValue) (events.DynamoDBAttributeValue, error) {
	switch v := in.(type) {
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value), nil
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value), nil
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value), nil
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value), nil
	case *types.AttributeValueMemberNULL:
		return events.NewNullAttribute(), nil
	case *types.AttributeValueMemberSS:
		return events.NewStringSetAttribute(v.Value), nil
	case *types.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(v.Value), nil
	case *types.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(v.Value), nil
	case *types.AttributeValueMemberM:
		m, err := image(v.Value)
		return events.NewMapAttribute(m), err
	case *types.AttributeValueMemberL:
		list := make([]events.DynamoDBAttributeValue, len(v.Value))
		for i, item := range v.Value {
			converted, err := attribute(item)
			if err != nil {
				return events.DynamoDBAttributeValue{}, err
			}
			list[i] = converted
		}
		return events.NewListAttribute(list), nil
	default:
		return events.DynamoDBAttributeValue{}, fmt.Errorf("attribute of unknown type %T", in)
	}
}
