package queuesource

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestFailuresAreReadAsAWSDoes(t *testing.T) {
	messages := []types.Message{{MessageId: aws.String("a")}, {MessageId: aws.String("b")}}
	for answer, want := range map[string][]string{
		"": {}, "null": {}, "{}": {}, `{"batchItemFailures":null}`: {}, `{"batchItemFailures":[]}`: {}, `{"other":1}`: {},
		`{"batchItemFailures":[{"itemIdentifier":"b"}]}`:                        {"b"},
		`{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}`: {"a", "b"},
	} {
		failed, err := failures([]byte(answer), messages)
		if got := slices.Sorted(maps.Keys(failed)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", answer, got, err, want)
		}
	}
	for _, answer := range []string{
		"{", `"ok"`, "[]", `{"batchItemFailures":{}}`, `{"batchItemFailures":["a"]}`, `{"batchItemFailures":[{"itemIdentifier":""}]}`,
		`{"batchItemFailures":[{"itemIdentifier":null}]}`, `{"batchItemFailures":[{"ItemIdentifier":"a"}]}`, `{"batchItemFailures":[{}]}`,
		`{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`, `{"batchItemFailures":[{"itemIdentifier":1}]}`,
	} {
		if failed, err := failures([]byte(answer), messages); err == nil {
			t.Errorf("%s: accepted as %v", answer, failed)
		}
	}
}

// partlyDeaf is a Client whose DeleteMessageBatch fails for some entries.
type partlyDeaf struct {
	Client
	answers []sqs.DeleteMessageBatchOutput
	asked   [][]string
}

func (p *partlyDeaf) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	var handles []string
	for _, e := range in.Entries {
		handles = append(handles, *e.ReceiptHandle)
	}
	p.asked = append(p.asked, handles)
	answer := p.answers[0]
	p.answers = p.answers[1:]
	return &answer, nil
}

func TestDeleteRepeatsOnlySQSOwnFaults(t *testing.T) {
	client := &partlyDeaf{answers: []sqs.DeleteMessageBatchOutput{
		{Failed: []types.BatchResultErrorEntry{{Id: aws.String("1"), Code: aws.String("InternalError")}, {Id: aws.String("2"), Code: aws.String("ReceiptHandleIsInvalid"), SenderFault: true}}},
		{},
	}}
	s := &Source{client: client, options: Options{QueueURL: "u", Random: rand.Reader, Logger: slog.New(slog.DiscardHandler), Now: time.Now}}
	err := s.delete(t.Context(), []types.Message{{ReceiptHandle: aws.String("h0")}, {ReceiptHandle: aws.String("h1")}, {ReceiptHandle: aws.String("h2")}})
	if err == nil || !strings.Contains(err.Error(), "ReceiptHandleIsInvalid") || strings.Contains(err.Error(), "InternalError") {
		t.Errorf("error %v, want only the sender's fault", err)
	}
	if len(client.asked) != 2 || !slices.Equal(client.asked[1], []string{"h1"}) {
		t.Errorf("asked %v", client.asked)
	}
	if failures := s.Status().DeleteFailures; failures != 2 {
		t.Errorf("%d failures counted", failures)
	}
}
