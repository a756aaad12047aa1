package ministacktest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/contracts/topology"
)

// Load returns the configuration for clients of a new tenant, as Setenv makes it, with the tables of the topology. Put
// faults into it before you make a client of it.
func Load(t testing.TB) aws.Config {
	t.Helper()
	Setenv(t)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	createTables(t, dynamodb.NewFromConfig(config))
	return config
}

// createTables creates the tables of the topology, with the parts that reads and conditions depend on.
func createTables(t testing.TB, client *dynamodb.Client) {
	t.Helper()
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range all.Tables {
		in := &dynamodb.CreateTableInput{TableName: aws.String(table.Name), BillingMode: types.BillingModePayPerRequest}
		keys := attributes{in: in, seen: map[string]bool{}}
		in.KeySchema = keys.schema(table.PartitionKey, table.SortKey)
		for _, index := range table.Indexes {
			in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
				IndexName: aws.String(index.Name), KeySchema: keys.schema(index.PartitionKey, index.SortKey),
				Projection: &types.Projection{ProjectionType: types.ProjectionType(index.Projection), NonKeyAttributes: index.Attributes},
			})
		}
		if _, err := client.CreateTable(t.Context(), in); err != nil {
			t.Fatalf("create %s: %v", table.Name, err)
		}
	}
}

type attributes struct {
	in   *dynamodb.CreateTableInput
	seen map[string]bool
}

func (a attributes) schema(partition topology.Key, sort *topology.Key) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: aws.String(partition.Name), KeyType: types.KeyTypeHash}}
	a.define(partition)
	if sort != nil {
		a.define(*sort)
		schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(sort.Name), KeyType: types.KeyTypeRange})
	}
	return schema
}

func (a attributes) define(k topology.Key) {
	if a.seen[k.Name] {
		return
	}
	a.seen[k.Name] = true
	a.in.AttributeDefinitions = append(a.in.AttributeDefinitions, types.AttributeDefinition{
		AttributeName: aws.String(k.Name), AttributeType: types.ScalarAttributeType(k.Type),
	})
}
