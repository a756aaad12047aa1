package streambatch

import (
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
)

// rowOf decodes a new image. found is false for a deleted row, which has no new image.
func rowOf(newImage map[string]events.DynamoDBAttributeValue) (row readmodel.Order, found bool, err error) {
	if len(newImage) == 0 {
		return readmodel.Order{}, false, nil
	}
	image, err := mapOf(newImage)
	if err != nil {
		return readmodel.Order{}, false, err
	}
	if err := attributevalue.UnmarshalMap(image, &row); err != nil {
		return readmodel.Order{}, false, fmt.Errorf("decode order: %w", err)
	}
	if row.OrderID == "" || row.Version < 1 {
		return readmodel.Order{}, false, fmt.Errorf("order %q at version %d", row.OrderID, row.Version)
	}
	return row, true, nil
}

// mapOf converts an image of the events library to one of the SDK.
func mapOf(from map[string]events.DynamoDBAttributeValue) (map[string]types.AttributeValue, error) {
	to := make(map[string]types.AttributeValue, len(from))
	for name, value := range from {
		converted, err := valueOf(value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		to[name] = converted
	}
	return to, nil
}

// valueOf converts a value of the events library to one of the SDK.
func valueOf(v events.DynamoDBAttributeValue) (types.AttributeValue, error) {
	switch v.DataType() {
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}, nil
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}, nil
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}, nil
	case events.DataTypeNull:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case events.DataTypeStringSet:
		return &types.AttributeValueMemberSS{Value: v.StringSet()}, nil
	case events.DataTypeNumberSet:
		return &types.AttributeValueMemberNS{Value: v.NumberSet()}, nil
	case events.DataTypeMap:
		m, err := mapOf(v.Map())
		return &types.AttributeValueMemberM{Value: m}, err
	case events.DataTypeList:
		list := make([]types.AttributeValue, len(v.List()))
		for i, item := range v.List() {
			converted, err := valueOf(item)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			list[i] = converted
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	default:
		return nil, fmt.Errorf("type %d, which is in no row", v.DataType())
	}
}
