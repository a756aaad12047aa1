// Package echofn is a Lambda function for tests: the event tells it what to do. The test binary itself serves it: a test links
// its own executable as "bootstrap", and its TestMain begins with
//
//	if echofn.Serving() {
//		echofn.Serve()
//	}
package echofn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Command is the event, the body of an HTTP request, or the body of a queue message.
type Command struct {
	// Do is one of the cases of run; empty echoes the event.
	Do string `json:"do"`
	// For is a duration in the form of time.ParseDuration: how long to sleep, or how much processor time to use.
	For string `json:"for,omitempty"`
	// Text is the text to return or print.
	Text string `json:"text,omitempty"`
	// Size is the size of a large response, in bytes.
	Size int `json:"size,omitempty"`
}

// CrashAtStart is the environment variable that makes the function exit before it asks for work.
const CrashAtStart = "ECHOFN_CRASH_AT_START"

// Journal is the environment variable that names a file. Each handled message and record is appended to it as a line.
const Journal = "ECHOFN_JOURNAL"

// Serving reports whether this process was started as a function.
func Serving() bool { return os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" }

// Serve handles invocations. It never returns.
func Serve() {
	if os.Getenv(CrashAtStart) != "" {
		fmt.Println("crashing at start")
		os.Exit(3)
	}
	lambda.Start(handle)
	os.Exit(1)
}

// Directory returns a new function folder whose bootstrap is the running test binary.
func Directory(t testing.TB) string {
	t.Helper()
	directory := t.TempDir()
	Link(t, directory)
	return directory
}

// Link links the running test binary into directory as bootstrap.
func Link(t testing.TB, directory string) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(executable, filepath.Join(directory, "bootstrap")); err != nil {
		t.Fatal(err)
	}
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	var shape struct {
		Records        []json.RawMessage `json:"Records"`
		RequestContext json.RawMessage   `json:"requestContext"`
		Body           string            `json:"body"`
	}
	if err := json.Unmarshal(event, &shape); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	switch {
	case shape.Records != nil:
		return handleBatch(event)
	case shape.RequestContext != nil:
		return handleHTTP(ctx, event, shape.Body)
	default:
		return run(ctx, event, event)
	}
}

// run carries out one command. whole is what an echo returns.
func run(ctx context.Context, command, whole []byte) (any, error) {
	var c Command
	if err := json.Unmarshal(command, &c); err != nil {
		return json.RawMessage(whole), nil //nolint:nilerr // JSON that is not a command is echoed
	}
	switch c.Do {
	case "error":
		return nil, errors.New(c.Text)
	case "panic":
		panic(c.Text)
	case "exit":
		os.Exit(7)
	case "sleep":
		pause, err := time.ParseDuration(c.For)
		if err != nil {
			return nil, err
		}
		time.Sleep(pause)
		return os.Getpid(), nil
	case "burn":
		work, err := time.ParseDuration(c.For)
		if err != nil {
			return nil, err
		}
		return os.Getpid(), burn(work)
	case "large":
		return strings.Repeat("x", c.Size), nil
	case "print":
		fmt.Println(c.Text)
		return "printed", nil
	case "context":
		return describe(ctx), nil
	case "environment":
		return os.Environ(), nil
	case "answer":
		return json.RawMessage(c.Text), nil
	}
	return json.RawMessage(whole), nil
}

// Description is what the command "context" returns.
type Description struct {
	RequestID string `json:"requestId"`
	ARN       string `json:"arn"`
	Deadline  int64  `json:"deadlineMs"`
	Trace     string `json:"trace"`
	PID       int    `json:"pid"`
}

func describe(ctx context.Context) Description {
	d := Description{PID: os.Getpid()}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		d.RequestID, d.ARN = lc.AwsRequestID, lc.InvokedFunctionArn
	}
	if deadline, ok := ctx.Deadline(); ok {
		d.Deadline = deadline.UnixMilli()
	}
	d.Trace, _ = ctx.Value("x-amzn-trace-id").(string)
	return d
}

// handleHTTP returns the event itself by default, so that a test sees what the function received.
func handleHTTP(ctx context.Context, event []byte, body string) (any, error) {
	var c Command
	if err := json.Unmarshal([]byte(body), &c); err == nil && c.Do != "" {
		return run(ctx, []byte(body), event)
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: 200, Headers: map[string]string{"content-type": "application/json"}, Body: string(event),
	}, nil
}

// handleBatch appends each record to the journal. A message body {"do":"exit"} ends the process on its first delivery. A stream
// batch with a new image that has the attribute "fails" fails.
func handleBatch(event []byte) (any, error) {
	var batch events.SQSEvent
	if err := json.Unmarshal(event, &batch); err != nil {
		return nil, err
	}
	if bytes.Contains(event, []byte(`"fails":{"BOOL":true}`)) {
		return nil, errors.New("a record fails")
	}
	for _, record := range batch.Records {
		var c Command
		if err := json.Unmarshal([]byte(record.Body), &c); err == nil && c.Do == "exit" && record.Attributes["ApproximateReceiveCount"] == "1" {
			os.Exit(7)
		}
		line := record.Body
		if record.EventSource == "aws:dynamodb" {
			line = string(event)
		}
		if err := journal(line); err != nil {
			return nil, err
		}
	}
	return events.SQSEventResponse{}, nil
}

func journal(line string) error {
	file, err := os.OpenFile(os.Getenv(Journal), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	_, err = file.WriteString(line + "\n")
	return errors.Join(err, file.Close())
}
