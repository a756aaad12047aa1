// Package eventbus puts events on an EventBridge bus, at least once each.
package eventbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/event"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 2 * time.Second

// Client is the part of *eventbridge.Client that is used.
type Client interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is one EventBridge bus. It is safe for concurrent use.
type Bus struct {
	client  Client
	name    string
	breaker retry.Breaker
}

// New makes a Bus by its name. The breaker should use Healthy as its IsSuccessful.
func New(client Client, name string, breaker retry.Breaker) *Bus {
	return &Bus{client: client, name: name, breaker: breaker}
}

// EntryError means that the bus did not accept an event.
type EntryError struct{ Code, Message string }

// Error implements error.
func (e *EntryError) Error() string { return "bus refused the event: " + e.Code + ": " + e.Message }

// finalCodes are the codes of entries that are wrong in themselves: the same entry would be refused again. Any other entry
// may succeed later, also after an error of the deployment, such as a missing permission.
var finalCodes = map[string]bool{"MalformedDetail": true, "InvalidArgument": true}

// finalCalls are the codes of calls whose content is wrong.
var finalCalls = map[string]bool{"ValidationException": true, "RequestEntityTooLarge": true}

// reasonRefused is the reason of an event that is refused for good.
const reasonRefused = "event_refused"

// final makes a poison error of one that another attempt would not cure.
func final(err error) error { return retry.Poison(reasonRefused, err) }

// Healthy is the IsSuccessful of a breaker before the bus: a bus that refuses a call for its content is healthy.
func Healthy(err error) bool { return err == nil || retry.Classify(err).Class == retry.ClassPoison }

var errCounts = errors.New("the bus reports more failures than failed entries")

// Put puts events in one call; see publish.Bus. It blocks for at most 2 s. A call returns 200 even if each of its entries
// failed.
func (b *Bus) Put(ctx context.Context, events []event.Event) (failed []error, err error) {
	entries := make([]types.PutEventsRequestEntry, len(events))
	for i, e := range events {
		entries[i] = types.PutEventsRequestEntry{
			EventBusName: aws.String(b.name), Source: aws.String(event.Source),
			DetailType: aws.String(e.DetailType), Detail: aws.String(e.Detail), Time: aws.Time(e.At.Time()),
		}
	}
	var out *eventbridge.PutEventsOutput
	err = b.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			// A second attempt may put events twice, and so may publish: every version is published at least once.
			out, err = b.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
			var coded interface{ ErrorCode() string }
			if errors.As(err, &coded) && finalCalls[coded.ErrorCode()] {
				return final(err)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("put events on %s: %w", b.name, err)
	}
	named := int32(0)
	for _, entry := range out.Entries {
		var refused error
		if entry.ErrorCode != nil || entry.EventId == nil {
			refused = &EntryError{Code: aws.ToString(entry.ErrorCode), Message: aws.ToString(entry.ErrorMessage)}
			if finalCodes[aws.ToString(entry.ErrorCode)] {
				refused = final(refused)
			}
			named++
		}
		failed = append(failed, refused)
	}
	if out.FailedEntryCount > named {
		return nil, fmt.Errorf("put events on %s: %w: %d of %d", b.name, errCounts, out.FailedEntryCount, named)
	}
	return failed, nil
}
