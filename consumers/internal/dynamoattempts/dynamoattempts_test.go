package dynamoattempts_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/awsclient"
	"boxoffice/consumers/internal/dynamoattempts"
	"boxoffice/consumers/internal/memattempts"
	"boxoffice/consumers/internal/ministacktest"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sqsbatch"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

const table = "deadletters"

// newClient gives a client of a real DynamoDB server with the table as the topology has it.
func newClient(t *testing.T) *dynamodb.Client {
	t.Helper()
	ministacktest.Setenv(t)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := dynamodb.NewFromConfig(config)
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all.Tables, func(t topology.Table) bool { return t.Name == table })
	if at < 0 {
		t.Fatalf("the topology has no table %s", table)
	}
	key := all.Tables[at].PartitionKey
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(key.Name), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(key.Name), AttributeType: types.ScalarAttributeType(key.Type)}},
	}); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) { exercise(t, &memattempts.Notes{}) })
	t.Run("DynamoDB", func(t *testing.T) {
		client := newClient(t)
		exercise(t, dynamoattempts.New(client, table, retry.NoBreaker{}, time.Now))
		out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table)})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		latest := time.Now().Add(readmodel.AttemptsKept).Unix()
		for _, item := range out.Items {
			var row readmodel.DeadLetter
			if err := attributevalue.UnmarshalMap(item, &row); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, row.MessageKey)
			if row.ExpiresAt < latest-60 || row.ExpiresAt > latest {
				t.Errorf("%s may be dropped at %d, want %s from now", row.MessageKey, row.ExpiresAt, readmodel.AttemptsKept)
			}
		}
		// What was ended leaves no row.
		if want := []string{readmodel.AttemptsKey("left-open")}; !slices.Equal(keys, want) {
			t.Errorf("rows %v, want %v", keys, want)
		}
	})
}

// exercise holds notes to the promises of sqsbatch.Attempts. It leaves one attempt open.
func exercise(t *testing.T, notes sqsbatch.Attempts) {
	begin := func(id string, want int) {
		t.Helper()
		if before, err := notes.Begin(t.Context(), id); err != nil || before != want {
			t.Fatalf("begin of %s answers %d, %v, want %d", id, before, err, want)
		}
	}
	end := func(id string) {
		t.Helper()
		if err := notes.End(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	end("never-begun")
	begin("a", 0)
	begin("a", 1)
	begin("b", 0)
	begin("a", 2)
	end("a")
	end("a")
	begin("a", 0)
	end("a")
	begin("b", 1)
	end("b")

	// Attempts at the same time are all counted, each once.
	var mu sync.Mutex
	var counts []int
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			before, err := notes.Begin(t.Context(), "c")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			counts = append(counts, before)
		})
	}
	all.Wait()
	slices.Sort(counts)
	if !slices.Equal(counts, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("eight at once answered %v", counts)
	}
	end("c")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := notes.Begin(ended, "d"); !errors.Is(err, context.Canceled) {
		t.Errorf("begin under an ended context: %v", err)
	}
	if err := notes.End(ended, "d"); !errors.Is(err, context.Canceled) {
		t.Errorf("end under an ended context: %v", err)
	}
	begin("d", 0)
	end("d")
	begin("left-open", 0)
}

// loseAnswers carries a call out and loses its answer, as a connection that breaks at that moment.
type loseAnswers struct {
	next  aws.HTTPClient
	calls int
}

var errBroken = errors.New("connection reset")

func (l *loseAnswers) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateItem") {
		return l.next.Do(r)
	}
	l.calls++
	response, err := l.next.Do(r)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return nil, errBroken
}

// A begin whose answer is lost has counted one and is an error, for the SDK would count it twice.
func TestBeginIsNotRepeated(t *testing.T) {
	client := newClient(t)
	losing := &loseAnswers{next: client.Options().HTTPClient}
	broken := dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.HTTPClient = losing })
	if _, err := dynamoattempts.New(broken, table, retry.NoBreaker{}, time.Now).Begin(t.Context(), "a"); !errors.Is(err, errBroken) {
		t.Fatalf("error %v", err)
	}
	if before, err := dynamoattempts.New(client, table, retry.NoBreaker{}, time.Now).Begin(t.Context(), "a"); err != nil || before != 1 || losing.calls != 1 {
		t.Errorf("%d calls, then %d noted, error %v, want one of each", losing.calls, before, err)
	}
}

func TestBreakerIsAsked(t *testing.T) {
	client := newClient(t)
	breaker := retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 1})
	notes := dynamoattempts.New(client, "no-such-table", breaker, time.Now)
	if _, err := notes.Begin(t.Context(), "a"); err == nil || errors.Is(err, retry.ErrBreakerOpen) {
		t.Fatalf("error %v", err)
	}
	if err := notes.End(t.Context(), "a"); !errors.Is(err, retry.ErrBreakerOpen) {
		t.Errorf("error %v, want an open breaker", err)
	}
	if _, err := notes.Begin(t.Context(), "a"); retry.Classify(err).After <= 0 {
		t.Errorf("error %v asks for no delay", err)
	}
}
