package streamsource

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// encodeEvent returns the event that Lambda builds from stream records.
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
