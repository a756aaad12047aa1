package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/invocation"
	"boxoffice/contracts/telemetry"
)

type config struct {
	Table string `env:"TABLE,notEmpty"`
}

func started(t *testing.T, handler func(p Process) any) (invoke func() (string, error), out *bytes.Buffer) {
	t.Helper()
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	out = &bytes.Buffer{}
	h, err := start(t.Context(), "reserve", map[string]string{"TABLE": "orders"}, out, func(_ context.Context, p Process, c config) (any, error) {
		if c.Table != "orders" {
			t.Errorf("config %+v", c)
		}
		return handler(p), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() (string, error) {
		answer, err := h.Invoke(t.Context(), []byte(`{"Records":[]}`))
		return string(answer), err
	}, out
}

// calls returns the lines of the metric that were written since its last call, as DEPENDENCY RESULT NUMBER.
func calls(t *testing.T, out *bytes.Buffer) (all []string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var fields struct {
			Function, Dependency, Result string
			DependencyCall               []float64
		}
		if line == "" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if fields.DependencyCall != nil && fields.Function == "reserve" {
			all = append(all, fmt.Sprint(fields.Dependency, " ", fields.Result, " ", len(fields.DependencyCall)))
		}
	}
	out.Reset()
	slices.Sort(all)
	return all
}

func failing(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// Each call is written at the end of its invocation, by dependency and result, also if the handler panics.
func TestEachCallIsMeasured(t *testing.T) {
	var breakers map[string]retry.Breaker
	panics := false
	invoke, out := started(t, func(p Process) any {
		breakers = map[string]retry.Breaker{
			"redis": p.Breaker("redis", nil), "dynamodb": p.Breaker("dynamodb", func(error) bool { return true }), "stripe": p.Breaker("stripe", func(error) bool { return true }),
		}
		return func(ctx context.Context, _ events.SQSEvent) (events.SQSEventResponse, error) {
			for _, err := range []error{nil, nil, &types.ProvisionedThroughputExceededException{}, &types.ConditionalCheckFailedException{}, &types.TransactionConflictException{}} {
				_ = breakers["dynamodb"].Do(ctx, failing(err))
			}
			for range 6 {
				_ = breakers["redis"].Do(ctx, failing(errors.New("connection refused")))
			}
			for _, f := range []pay.Failure{pay.FailureDeclined, pay.FailureState, pay.FailureBug, pay.FailureUnknown, pay.FailureReplayed} {
				_ = breakers["stripe"].Do(ctx, failing(fmt.Errorf("x: %w", &pay.ProviderError{Failure: f, Code: "c", Err: errors.New("x")})))
			}
			_ = breakers["stripe"].Do(ctx, failing(&pay.ProviderError{Code: "rate_limit", Err: errors.New("x")}))
			if panics {
				panic("boom")
			}
			return events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}, nil
		}
	})
	if answer, err := invoke(); err != nil || answer != `{"batchItemFailures":[]}` {
		t.Errorf("returned %s, %v", answer, err)
	}
	of := []string{"dynamodb conflict 1", "dynamodb ok 2", "dynamodb refused 1", "dynamodb throttled 1"}
	stripe := []string{"stripe invalid 1", "stripe refused 2", "stripe throttled 1", "stripe unknown 2"}
	if got, want := calls(t, out), slices.Concat(of, []string{"redis open 1", "redis unknown 5"}, stripe); !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
	panics = true
	func() {
		defer func() { _ = recover() }()
		_, _ = invoke()
	}()
	if got, want := calls(t, out), slices.Concat(of, []string{"redis open 6"}, stripe); !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestAHandlersErrorIsReturned(t *testing.T) {
	wrong := errors.New("whole batch")
	invoke, _ := started(t, func(Process) any {
		return func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
			return events.SQSEventResponse{}, wrong
		}
	})
	if _, err := invoke(); !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
}

func TestStartReportsWhatIsMissing(t *testing.T) {
	_, err := start(t.Context(), "reserve", nil, &bytes.Buffer{}, func(context.Context, Process, config) (any, error) { return nil, nil })
	if err == nil || !strings.Contains(err.Error(), "TABLE") {
		t.Errorf("error %v", err)
	}
}

// What sqsbatch does after the end of the context leaves at least 100 ms for the answer.
func TestNotesAreDeletedBeforeTheAnswerIsDue(t *testing.T) {
	if sqsbatch.PastEnd+100*time.Millisecond > invocation.AnswerTime {
		t.Errorf("notes are deleted until %s after the context's end, which is %s before Lambda's deadline", sqsbatch.PastEnd, invocation.AnswerTime)
	}
}

// What a library prints through package log is a line of JSON like all others.
func TestLibraryOutputIsJSON(t *testing.T) {
	before, flags, writer := slog.Default(), log.Flags(), log.Writer()
	defer func() { slog.SetDefault(before); log.SetFlags(flags); log.SetOutput(writer) }()
	var out bytes.Buffer
	logLibraries(telemetry.NewLogger(&out, "pay"))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "x", "y")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["function"] != "pay" || !strings.Contains(line["msg"].(string), "Unsolicited") {
		t.Errorf("printed %s: %v", &out, err)
	}
}
