package resources

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/topology"
)

// tableTimeout bounds how long a new table may take to become active: it takes seconds on AWS and no time on an emulator.
const tableTimeout = 2 * time.Minute

func (e *ensurer) tables(ctx context.Context) error {
	for _, t := range e.topology.Tables {
		if err := e.table(ctx, t); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		e.result.Values["tableName:"+t.Name] = t.Name
	}
	return nil
}

func (e *ensurer) table(ctx context.Context, t topology.Table) error {
	described, err := e.describe(ctx, t.Name)
	if err != nil {
		return err
	}
	if described == nil {
		if described, err = e.createTable(ctx, t); err != nil {
			return err
		}
	}
	e.compareTable(t, described)
	return errors.Join(e.compareRecovery(ctx, t), e.compareTimeToLive(ctx, t))
}

func (e *ensurer) describe(ctx context.Context, name string) (*types.TableDescription, error) {
	out, err := e.dynamodb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	var absent *types.ResourceNotFoundException
	switch {
	case errors.As(err, &absent):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up: %w", err)
	default:
		return out.Table, nil
	}
}

func (e *ensurer) createTable(ctx context.Context, t topology.Table) (*types.TableDescription, error) {
	input := &dynamodb.CreateTableInput{
		TableName: &t.Name, BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema(t.PartitionKey, t.SortKey), AttributeDefinitions: attributeDefinitions(t),
	}
	for _, i := range t.Indexes {
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &i.Name, KeySchema: keySchema(i.PartitionKey, i.SortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(i.Projection), NonKeyAttributes: i.Attributes},
		})
	}
	if t.Stream != "" {
		input.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(t.Stream)}
	}
	if _, err := e.dynamodb.CreateTable(ctx, input); err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	waiter := dynamodb.NewTableExistsWaiter(e.dynamodb, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, 2*time.Second
	})
	out, err := waiter.WaitForOutput(ctx, &dynamodb.DescribeTableInput{TableName: &t.Name}, tableTimeout)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	if t.PointInTimeRecovery {
		_, err := e.dynamodb.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName:                        &t.Name,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
		if err != nil {
			return nil, fmt.Errorf("switch on point-in-time recovery: %w", err)
		}
	}
	if t.TimeToLive != "" {
		_, err := e.dynamodb.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
			TableName:               &t.Name,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &t.TimeToLive, Enabled: aws.Bool(true)},
		})
		if err != nil {
			return nil, fmt.Errorf("switch on time to live: %w", err)
		}
	}
	e.created("table %s", t.Name)
	return out.Table, nil
}

func keySchema(partition topology.Key, sort *topology.Key) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: aws.String(partition.Name), KeyType: types.KeyTypeHash}}
	if sort != nil {
		schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(sort.Name), KeyType: types.KeyTypeRange})
	}
	return schema
}

// attributeDefinitions returns each key attribute of the table and its indexes once.
func attributeDefinitions(t topology.Table) []types.AttributeDefinition {
	var definitions []types.AttributeDefinition
	seen := map[string]bool{}
	add := func(k *topology.Key) {
		if k != nil && !seen[k.Name] {
			seen[k.Name] = true
			definitions = append(definitions, types.AttributeDefinition{AttributeName: aws.String(k.Name), AttributeType: types.ScalarAttributeType(k.Type)})
		}
	}
	add(&t.PartitionKey)
	add(t.SortKey)
	for _, i := range t.Indexes {
		add(&i.PartitionKey)
		add(i.SortKey)
	}
	return definitions
}

func (e *ensurer) compareTable(t topology.Table, is *types.TableDescription) {
	resource := "table " + t.Name
	kinds := map[string]string{}
	for _, a := range is.AttributeDefinitions {
		kinds[aws.ToString(a.AttributeName)] = string(a.AttributeType)
	}
	e.compare(resource, "key", spellSchema(is.KeySchema, kinds), spellKey(t.PartitionKey, t.SortKey))
	billing := "PROVISIONED"
	if is.BillingModeSummary != nil {
		billing = string(is.BillingModeSummary.BillingMode)
	}
	e.compare(resource, "billing mode", billing, string(types.BillingModePayPerRequest))
	stream := ""
	if is.StreamSpecification != nil && aws.ToBool(is.StreamSpecification.StreamEnabled) {
		stream = string(is.StreamSpecification.StreamViewType)
	}
	e.compare(resource, "stream", orNone(stream), orNone(t.Stream))
	var have, want []string
	for _, i := range is.GlobalSecondaryIndexes {
		projection := ""
		if i.Projection != nil {
			projection = spellProjection(string(i.Projection.ProjectionType), i.Projection.NonKeyAttributes)
		}
		have = append(have, aws.ToString(i.IndexName)+" "+spellSchema(i.KeySchema, kinds)+" "+projection)
	}
	for _, i := range t.Indexes {
		want = append(want, i.Name+" "+spellKey(i.PartitionKey, i.SortKey)+" "+spellProjection(i.Projection, i.Attributes))
	}
	slices.Sort(have)
	slices.Sort(want)
	e.compare(resource, "indexes", orNone(strings.Join(have, "; ")), orNone(strings.Join(want, "; ")))
}

func (e *ensurer) compareRecovery(ctx context.Context, t topology.Table) error {
	out, err := e.dynamodb.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &t.Name})
	if err != nil {
		return fmt.Errorf("read back point-in-time recovery: %w", err)
	}
	on := false
	if d := out.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil {
		on = d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
	}
	e.compare("table "+t.Name, "point-in-time recovery", strconv.FormatBool(on), strconv.FormatBool(t.PointInTimeRecovery))
	return nil
}

func (e *ensurer) compareTimeToLive(ctx context.Context, t topology.Table) error {
	out, err := e.dynamodb.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &t.Name})
	if err != nil {
		return fmt.Errorf("read back time to live: %w", err)
	}
	attribute := ""
	if d := out.TimeToLiveDescription; d != nil && d.TimeToLiveStatus == types.TimeToLiveStatusEnabled {
		attribute = aws.ToString(d.AttributeName)
	}
	e.compare("table "+t.Name, "time to live", attribute, t.TimeToLive)
	return nil
}

// spellProjection returns a projection as "KEYS_ONLY" or "INCLUDE status".
func spellProjection(projection string, attributes []string) string {
	sorted := slices.Sorted(slices.Values(attributes))
	return strings.Join(append([]string{projection}, sorted...), " ")
}

// spellKey and spellSchema return a key as "orderId:S" or "seatGroup:S, seat:S".
func spellKey(partition topology.Key, sort *topology.Key) string {
	text := partition.Name + ":" + partition.Type
	if sort != nil {
		text += ", " + sort.Name + ":" + sort.Type
	}
	return text
}

func spellSchema(schema []types.KeySchemaElement, kinds map[string]string) string {
	var partition, sort string
	for _, k := range schema {
		text := aws.ToString(k.AttributeName) + ":" + kinds[aws.ToString(k.AttributeName)]
		if k.KeyType == types.KeyTypeHash {
			partition = text
		} else {
			sort = ", " + text
		}
	}
	return partition + sort
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
