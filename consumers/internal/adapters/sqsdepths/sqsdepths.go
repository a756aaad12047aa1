// Package sqsdepths counts the messages of queues for reconcile.
package sqsdepths

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 2 * time.Second

// Queue is a queue by its name in the topology.
type Queue struct{ Name, URL string }

// Depths counts the messages of queues. It is safe for concurrent use.
type Depths struct {
	client  *sqs.Client
	queues  []Queue
	breaker retry.Breaker
}

var _ reconcile.Depths = (*Depths)(nil)

// New makes a Depths.
func New(client *sqs.Client, queues []Queue, breaker retry.Breaker) *Depths {
	return &Depths{client: client, queues: queues, breaker: breaker}
}

// attributes are SQS's approximate counts.
var attributes = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// Depths asks SQS about each queue in a call of its own, all concurrently, and blocks for at most 2 s. With an error it returns the
// queues that SQS answered for.
func (d *Depths) Depths(ctx context.Context) ([]reconcile.QueueDepth, error) {
	depths, errs := make([]reconcile.QueueDepth, len(d.queues)), make([]error, len(d.queues))
	// One call of the breaker for all: half open, it would refuse all but one of them.
	err := d.breaker.Do(ctx, func(ctx context.Context) error {
		var all sync.WaitGroup
		for i, q := range d.queues {
			all.Go(func() {
				errs[i] = awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
					depths[i], err = d.depth(ctx, q)
					return err
				})
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
	var known []reconcile.QueueDepth
	for i, depth := range depths {
		if errs[i] == nil && depth.Name != "" {
			known = append(known, depth)
		}
	}
	return known, err
}

func (d *Depths) depth(ctx context.Context, q Queue) (reconcile.QueueDepth, error) {
	out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(q.URL), AttributeNames: attributes})
	if err != nil {
		return reconcile.QueueDepth{}, fmt.Errorf("messages of %s: %w", q.Name, err)
	}
	var n [3]int
	for i, name := range attributes {
		if n[i], err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return reconcile.QueueDepth{}, fmt.Errorf("messages of %s: %s: %w", q.Name, name, err)
		}
	}
	return reconcile.QueueDepth{Name: q.Name, Visible: n[0], InFlight: n[1], Delayed: n[2]}, nil
}
