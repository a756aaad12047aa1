package faultproxy_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/scripts/internal/faultproxy"
)

// tables is a service that accepts every call, and an SDK client that reaches it through Calls.
type tables struct {
	*dynamodb.Client
	calls *faultproxy.Calls
	had   atomic.Int64
}

func newTables(t *testing.T) *tables {
	t.Helper()
	s := &tables{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.had.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	calls, err := faultproxy.NewCalls(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = calls.Close() })
	s.calls = calls
	s.Client = dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + calls.Address()),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.Backoff = 2, retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
	return s
}

func (s *tables) put(t *testing.T, id string) error {
	t.Helper()
	_, err := s.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("orders"), Item: map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: id}},
	})
	return err
}

func TestCallsCountEachCallOnce(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	var mu sync.Mutex
	var tries []int
	// The first response is lost, so that the SDK tries again.
	s.calls.Hook(func(c faultproxy.Call, forward func()) bool {
		mu.Lock()
		defer mu.Unlock()
		if c.Operation != "PutItem" || !c.Mentions("o-1") || c.Mentions("o-2") || c.From == "" || c.To != s.calls.Address() {
			t.Errorf("the hook saw %+v", c)
		}
		forward()
		tries = append(tries, c.Attempt)
		return len(tries) > 1
	})
	if err := s.put(t, "o-1"); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(tries, []int{1, 2}) || s.had.Load() != 2 {
		t.Errorf("tries are %v, the service had %d calls; want 1 and 2, each with its effect", tries, s.had.Load())
	}
	if s.calls.Count("PutItem") != 1 || s.calls.Count("GetItem") != 0 || s.calls.Count("") != 1 {
		t.Errorf("%d PutItem, %d GetItem, %d calls counted", s.calls.Count("PutItem"), s.calls.Count("GetItem"), s.calls.Count(""))
	}
}

func TestACallThatIsNotForwardedHasNoEffect(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.calls.Hook(func(faultproxy.Call, func()) bool { return false })
	if err := s.put(t, "o-1"); err == nil {
		t.Error("the call got a response")
	}
	if had := s.had.Load(); had != 0 {
		t.Errorf("the service had %d calls, want none", had)
	}
	s.calls.Hook(nil)
	if err := s.put(t, "o-1"); err != nil || s.had.Load() != 1 {
		t.Errorf("without a hook: %v, the service had %d calls", err, s.had.Load())
	}
}

func TestTheResponseToAForwardedCallWaitsForTheHook(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	release := make(chan struct{})
	forwarded := make(chan struct{})
	s.calls.Hook(func(_ faultproxy.Call, forward func()) bool {
		forward()
		forward() // does nothing
		close(forwarded)
		<-release
		return true
	})
	returned := make(chan error, 1)
	go func() { returned <- s.put(t, "o-1") }()
	<-forwarded
	if had := s.had.Load(); had != 1 {
		t.Errorf("the service had %d calls, want 1", had)
	}
	select {
	case err := <-returned:
		t.Errorf("the call returned %v before the hook did", err)
	default:
	}
	close(release)
	if err := <-returned; err != nil {
		t.Error(err)
	}
}

func TestCallsToStripeAreNamedByTheirPath(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	t.Cleanup(server.Close)
	calls, err := faultproxy.NewCalls(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = calls.Close() })
	for _, c := range []struct{ method, path, key, want string }{
		{http.MethodPost, "/v1/payment_intents", "pi:o-1:0", "POST payment_intents"},
		{http.MethodPost, "/v1/payment_intents/pi_1a/capture", "cap:o-1:0", "POST payment_intents/capture"},
		{http.MethodGet, "/v1/payment_intents/pi_1a", "o-1", "GET payment_intents"},
		{http.MethodPost, "/v1/payment_intents/pi_WITHOUTDIGIT/cancel", "o-1", "POST payment_intents/cancel"},
	} {
		seen := make(chan faultproxy.Call, 1)
		calls.Hook(func(c faultproxy.Call, _ func()) bool { seen <- c; return true })
		request, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+calls.Address()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Idempotency-Key", c.key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		got := <-seen
		if got.Operation != c.want || !got.Mentions("o-1") || got.Mentions("o-2") || strings.Contains(c.path, "pi_1a") && !got.Mentions("pi_1a") || calls.Count(c.want) != 1 {
			t.Errorf("%s %s: the hook saw %+v", c.method, c.path, got)
		}
	}
}
