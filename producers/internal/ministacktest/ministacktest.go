// Package ministacktest gives the tests of adapters a DynamoDB: one ministack for the tests of a package, with a tenant for each test.
// The consumers have a package for this; the two sides share contracts and nothing else.
package ministacktest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/boot"
)

// Emulator is the one ministack of a package's tests. It starts with the first test that needs it. The zero value is ready.
type Emulator struct {
	once    sync.Once
	address string
	process *os.Process
	err     error
	tenants atomic.Int64
}

// Run runs the tests of a package, stops ministack and returns the exit code:
//
//	func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }
func (emulator *Emulator) Run(m *testing.M) int {
	code := m.Run()
	if emulator.process != nil {
		// It stores nothing on disk, so killing it loses nothing.
		if err := emulator.process.Kill(); err != nil {
			fmt.Fprintln(os.Stderr, "ministack:", err)
			code = max(code, 1)
		}
	}
	return code
}

// Database returns a client of a new tenant with the tables of these names, as the topology specifies them. Without ministack it
// skips the test and says why, or fails it if CI is true.
func (emulator *Emulator) Database(t *testing.T, tables ...string) *dynamodb.Client {
	t.Helper()
	binary, err := findMinistack()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	emulator.once.Do(func() { emulator.err = emulator.start(context.WithoutCancel(t.Context()), binary) })
	if emulator.err != nil {
		t.Fatal(emulator.err)
	}
	// The functions' own client: the SDK's would lose answers of a server as fast as this, and repeat writes.
	config, err := boot.LoadAWS(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	// ministack takes an access key of 12 digits for the account.
	config.Credentials = credentials.NewStaticCredentialsProvider(fmt.Sprintf("%012d", emulator.tenants.Add(1)), "test", "")
	config.Region, config.BaseEndpoint = "eu-west-1", aws.String("http://"+emulator.address)
	client := dynamodb.NewFromConfig(config)
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range all.Tables {
		if !slices.Contains(tables, table.Name) {
			continue
		}
		if _, err := client.CreateTable(t.Context(), definition(table)); err != nil {
			t.Fatalf("create %s: %v", table.Name, err)
		}
	}
	return client
}

// definition returns the request that makes a table.
func definition(table topology.Table) *dynamodb.CreateTableInput {
	attributes := map[string]string{}
	keys := func(partition topology.Key, sort *topology.Key) []types.KeySchemaElement {
		attributes[partition.Name] = partition.Type
		schema := []types.KeySchemaElement{{AttributeName: aws.String(partition.Name), KeyType: types.KeyTypeHash}}
		if sort != nil {
			attributes[sort.Name] = sort.Type
			schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(sort.Name), KeyType: types.KeyTypeRange})
		}
		return schema
	}
	in := &dynamodb.CreateTableInput{
		TableName: aws.String(table.Name), BillingMode: types.BillingModePayPerRequest, KeySchema: keys(table.PartitionKey, table.SortKey),
	}
	for _, index := range table.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(index.Name), KeySchema: keys(index.PartitionKey, index.SortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(index.Projection)},
		})
	}
	for name, kind := range attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeType(kind)})
	}
	return in
}

// findMinistack searches where `make tools` installs it, and PATH.
func findMinistack() (string, error) {
	if binary := os.Getenv("BOXOFFICE_MINISTACK"); binary != "" {
		return binary, nil
	}
	folder, err := os.Getwd()
	for ; err == nil && folder != "/"; folder = filepath.Dir(folder) {
		binary := filepath.Join(folder, ".local/venv/bin/ministack")
		if _, err := os.Stat(binary); err == nil {
			return binary, nil
		}
	}
	binary, err := exec.LookPath("ministack")
	if err != nil {
		return "", fmt.Errorf("needs ministack (make tools): %w", err)
	}
	return binary, nil
}

func (emulator *Emulator) start(ctx context.Context, binary string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	emulator.address = listener.Addr().String()
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, binary)
	command.Env = append(os.Environ(), "BIND_HOST=127.0.0.1", "IOT_MTLS_ENABLED=0", "GATEWAY_PORT="+port)
	if err := command.Start(); err != nil {
		return err
	}
	emulator.process = command.Process
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+emulator.address+"/_ministack/health", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			if err := response.Body.Close(); err == nil && response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("ministack is not healthy: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
