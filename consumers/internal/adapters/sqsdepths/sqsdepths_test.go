package sqsdepths_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/sqsdepths"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// The messages that wait, those that a handler has and those that are delayed are told apart. A queue that cannot be read is an
// error and keeps no other from being counted.
func TestDepths(t *testing.T) {
	ministacktest.Setenv(t)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(config)
	make := func(name, delay string) string {
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: map[string]string{"VisibilityTimeout": "30", "DelaySeconds": delay}})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: aws.String("m")}); err != nil {
				t.Fatal(err)
			}
		}
		return aws.ToString(out.QueueUrl)
	}
	now, later := make("now", "0"), make("later", "60")
	if _, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(now), MaxNumberOfMessages: 1}); err != nil {
		t.Fatal(err)
	}
	want := []reconcile.QueueDepth{{Name: "a", Visible: 2, InFlight: 1}, {Name: "b", Delayed: 3}}
	queues := []sqsdepths.Queue{{Name: "a", URL: now}, {Name: "b", URL: later}}
	got, err := sqsdepths.New(client, queues, retry.NoBreaker{}).Depths(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	queues = slices.Insert(queues, 1, sqsdepths.Queue{Name: "none", URL: now + "-none"})
	got, err = sqsdepths.New(client, queues, retry.NoBreaker{}).Depths(t.Context())
	if err == nil || !slices.Equal(got, want) {
		t.Errorf("with a queue that does not exist: %+v, %v", got, err)
	}
	open := retry.NewBreaker("queues", retry.BreakerOptions{Failures: 1, OpenFor: time.Hour})
	depths := sqsdepths.New(client, queues, open)
	_, _ = depths.Depths(t.Context())
	if got, err := depths.Depths(t.Context()); err == nil || len(got) > 0 {
		t.Errorf("while the breaker is open: %+v, %v", got, err)
	}
}
