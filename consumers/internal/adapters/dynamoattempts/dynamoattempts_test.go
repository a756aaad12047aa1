package dynamoattempts_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamoattempts"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

const table = "deadletters"

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) { exercise(t, &memattempts.Notes{}) })
	t.Run("DynamoDB", func(t *testing.T) {
		client := dynamodb.NewFromConfig(ministacktest.Load(t))
		exercise(t, dynamoattempts.New(client, table, retry.NoBreaker{}))
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
		// An attempt that ended leaves no row.
		if want := []string{readmodel.AttemptsKey("left-open")}; !slices.Equal(keys, want) {
			t.Errorf("rows %v, want %v", keys, want)
		}
	})
}

// exercise checks the promises of sqsbatch.Attempts. It leaves one attempt open.
func exercise(t *testing.T, notes sqsbatch.Attempts) {
	begin := func(id string, want int) {
		t.Helper()
		if before, err := notes.Begin(t.Context(), id, time.Now()); err != nil || len(before) != want {
			t.Fatalf("begin of %s returned %v, %v, want %d", id, before, err, want)
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

	// Concurrent attempts are all counted, each once.
	var mu sync.Mutex
	var counts []int
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			before, err := notes.Begin(t.Context(), "c", time.Now())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			counts = append(counts, len(before))
		})
	}
	all.Wait()
	slices.Sort(counts)
	if !slices.Equal(counts, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("eight at once answered %v", counts)
	}
	end("c")

	// Begin returns when the earlier attempts began, in order.
	at := time.UnixMilli(1_790_000_000_123).UTC()
	for i := range 3 {
		before, err := notes.Begin(t.Context(), "e", at.Add(time.Duration(i)*time.Minute))
		want := []time.Time{at, at.Add(time.Minute), at.Add(2 * time.Minute)}[:i]
		if err != nil || !slices.EqualFunc(before, want, time.Time.Equal) {
			t.Errorf("attempt %d is answered %v, %v, want %v", i, before, err, want)
		}
	}
	end("e")
	begin("e", 0)
	end("e")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := notes.Begin(ended, "d", time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("begin under an ended context: %v", err)
	}
	if err := notes.End(ended, "d"); !errors.Is(err, context.Canceled) {
		t.Errorf("end under an ended context: %v", err)
	}
	begin("d", 0)
	end("d")
	begin("left-open", 0)
}

// While two versions of the program run, attempts of the older one are counted without a time.
func TestAttemptsOfAnOlderProgram(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	if _, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(table), UpdateExpression: aws.String("ADD attempts :two"),
		Key:                       map[string]types.AttributeValue{"messageKey": &types.AttributeValueMemberS{Value: readmodel.AttemptsKey("a")}},
		ExpressionAttributeValues: map[string]types.AttributeValue{":two": &types.AttributeValueMemberN{Value: "2"}},
	}); err != nil {
		t.Fatal(err)
	}
	notes, at := dynamoattempts.New(client, table, retry.NoBreaker{}), time.UnixMilli(1_790_000_000_123).UTC()
	for _, want := range [][]time.Time{{{}, {}}, {{}, {}, at}} {
		if before, err := notes.Begin(t.Context(), "a", at); err != nil || !slices.EqualFunc(before, want, time.Time.Equal) {
			t.Errorf("answered %v, %v, want %v", before, err, want)
		}
	}
}

// A Begin whose answer is lost has counted one and fails: a second attempt, also one of the SDK, would count twice. The
// next Begin finds it as a crashed attempt, so an End follows a Begin that failed.
func TestBeginIsNotRepeated(t *testing.T) {
	config := ministacktest.Load(t)
	config.Retryer = nil // the SDK then makes up to three attempts
	faults := awsfaults.Into(&config)
	notes := dynamoattempts.New(dynamodb.NewFromConfig(config), table, retry.NoBreaker{})
	faults.Next("UpdateItem", awsfaults.Lost)
	if _, err := notes.Begin(t.Context(), "a", time.Now()); !errors.Is(err, awsfaults.ErrLost) || errors.Is(err, sqsbatch.ErrNotNoted) {
		t.Fatalf("error %v", err)
	}
	if before, err := notes.Begin(t.Context(), "a", time.Now()); err != nil || len(before) != 1 || faults.Attempts("UpdateItem") != 2 {
		t.Errorf("%d attempts, %v noted before, error %v, want two and one", faults.Attempts("UpdateItem"), before, err)
	}
}

// A throttled Begin has written nothing. A throttled End, or one whose answer is lost, is repeated.
func TestThrottles(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	notes := dynamoattempts.New(dynamodb.NewFromConfig(config), table, retry.NoBreaker{})
	for _, code := range []string{"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"} {
		faults.Next("UpdateItem", awsfaults.Throttled(code))
		if _, err := notes.Begin(t.Context(), code, time.Now()); retry.Classify(err).Class != retry.ClassRetryable {
			t.Errorf("%s: error %v", code, err)
		}
		if before, err := notes.Begin(t.Context(), code, time.Now()); err != nil || len(before) != 0 {
			t.Errorf("%s: %v noted before, error %v", code, before, err)
		}
	}
	faults.Next("DeleteItem", awsfaults.Lost)
	if err := notes.End(t.Context(), "ThrottlingException"); err != nil || faults.Attempts("DeleteItem") != 2 {
		t.Errorf("end: %v after %d attempts", err, faults.Attempts("DeleteItem"))
	}
	if before, err := notes.Begin(t.Context(), "ThrottlingException", time.Now()); err != nil || len(before) != 0 {
		t.Errorf("%v noted before, error %v", before, err)
	}
	for range 4 {
		faults.Next("DeleteItem", awsfaults.Throttled("ThrottlingException"))
	}
	if err := notes.End(t.Context(), "RequestLimitExceeded"); err == nil {
		t.Error("a note that is still there counts as deleted")
	}
}

// While calls have their effect and no answer arrives, Begin leaves no note: no End would come to delete it.
func TestBeginWritesNothingWithoutAnswer(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	notes := dynamoattempts.New(dynamodb.NewFromConfig(config), table, retry.NoBreaker{})
	for range 3 {
		faults.Next("GetItem", awsfaults.Lost)
		if _, err := notes.Begin(t.Context(), "a", time.Now()); !errors.Is(err, awsfaults.ErrLost) || !errors.Is(err, sqsbatch.ErrNotNoted) {
			t.Fatalf("error %v", err)
		}
	}
	if before, err := notes.Begin(t.Context(), "a", time.Now()); err != nil || len(before) != 0 || faults.Attempts("UpdateItem") != 1 {
		t.Errorf("notes %v after %d writes, error %v, want none after 1", before, faults.Attempts("UpdateItem"), err)
	}
}

// While the breaker is open no attempt begins, but one that began can end.
func TestBeginUsesBreakerAndEndDoesNot(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	breaker := retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 1})
	notes := dynamoattempts.New(client, table, breaker)
	if _, err := notes.Begin(t.Context(), "a", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := breaker.Do(t.Context(), func(context.Context) error { return awsfaults.ErrLost }); !errors.Is(err, awsfaults.ErrLost) {
		t.Fatalf("error %v", err)
	}
	if _, err := notes.Begin(t.Context(), "b", time.Now()); !errors.Is(err, retry.ErrBreakerOpen) || retry.Classify(err).NotBefore <= 0 {
		t.Errorf("error %v, want an open breaker that says for how long", err)
	}
	if err := notes.End(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if before, err := dynamoattempts.New(client, table, retry.NoBreaker{}).Begin(t.Context(), "a", time.Now()); err != nil || len(before) != 0 {
		t.Errorf("notes %v, error %v, want none", before, err)
	}
}
