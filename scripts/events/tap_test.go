package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/event"
	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// An event of orders on a real bus is read, one of another source is not, and afterwards there is neither rule nor queue.
func TestTheTapReadsEventsAndLeavesNothing(t *testing.T) {
	cfg := emulator.Tenant(t)
	tapped := tap{buses: eventbridge.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg), bus: "boxoffice", name: "events-test"}
	if _, err := tapped.buses.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &tapped.bus}); err != nil {
		t.Fatal(err)
	}
	if err := tapped.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	var body struct{ Detail json.RawMessage }
	if err := json.Unmarshal([]byte(delivered(t, "OrderConfirmed")), &body); err != nil {
		t.Fatal(err)
	}
	var entries []types.PutEventsRequestEntry
	for _, source := range []string{"another", event.Source} {
		entries = append(entries, types.PutEventsRequestEntry{EventBusName: &tapped.bus, Source: &source, DetailType: aws.String("OrderConfirmed"), Detail: aws.String(string(body.Detail))})
	}
	if _, err := tapped.buses.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out strings.Builder
	err := tapped.read(ctx, func(body string) error {
		defer cancel()
		return printer{out: &out}.print(body)
	})
	if err == nil || strings.Count(out.String(), "OrderConfirmed") != 1 {
		t.Errorf("%q, %v", out.String(), err)
	}
	for range 2 { // also when there is nothing left
		if err := tapped.close(t.Context()); err != nil {
			t.Error(err)
		}
		tapped.url = ""
	}
	rules, err := tapped.buses.ListRules(t.Context(), &eventbridge.ListRulesInput{EventBusName: &tapped.bus})
	if err != nil || len(rules.Rules) != 0 {
		t.Errorf("%+v, %v", rules, err)
	}
	queues, err := tapped.queues.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil || len(queues.QueueUrls) != 0 {
		t.Errorf("%+v, %v", queues, err)
	}
}
