package dynamoaccount_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// The consumers have a package for this; the two sides share contracts and nothing else.

// emulator is the one ministack of this package's tests.
var emulator struct {
	once    sync.Once
	address string
	process *os.Process
	err     error
	tenants atomic.Int64
}

func TestMain(m *testing.M) {
	code := m.Run()
	if emulator.process != nil {
		// It stores nothing on disk, so killing it loses nothing.
		if err := emulator.process.Kill(); err != nil {
			fmt.Fprintln(os.Stderr, "ministack:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// database returns a client of a new tenant with the tables of the topology. Without ministack it skips the test and says why, or
// fails it if CI is true.
func database(t *testing.T) *dynamodb.Client {
	t.Helper()
	binary, err := findMinistack()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	emulator.once.Do(func() { emulator.err = startMinistack(context.WithoutCancel(t.Context()), binary) })
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
		if table.SortKey != nil || len(table.Indexes) > 0 {
			continue
		}
		if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: aws.String(table.Name), BillingMode: types.BillingModePayPerRequest,
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(table.PartitionKey.Name), KeyType: types.KeyTypeHash}},
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(table.PartitionKey.Name), AttributeType: types.ScalarAttributeType(table.PartitionKey.Type)}},
		}); err != nil {
			t.Fatalf("create %s: %v", table.Name, err)
		}
	}
	return client
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

func startMinistack(ctx context.Context, binary string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	emulator.address = listener.Addr().String()
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, binary) //nolint:gosec // the emulator that was found
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
