package resources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/topology"
)

// queueName returns the name of a queue in SQS, which for a FIFO queue must end in .fifo.
func queueName(q topology.Queue) string {
	if q.Standard() {
		return q.Name
	}
	return q.Name + ".fifo"
}

// queues creates dead-letter queues before the queues that name them.
func (e *ensurer) queues(ctx context.Context) error {
	arns := map[string]string{}
	ordered := slices.Clone(e.topology.Queues)
	slices.SortStableFunc(ordered, func(a, b topology.Queue) int {
		return strings.Compare(a.DeadLetterQueue, b.DeadLetterQueue)
	})
	for _, q := range ordered {
		want, err := e.queueAttributes(q, arns)
		if err != nil {
			return err
		}
		if err := e.queue(ctx, q, want, arns); err != nil {
			return fmt.Errorf("queue %s: %w", queueName(q), err)
		}
	}
	return nil
}

// queueAttributes returns the attributes of a queue. A FIFO queue gets high-throughput mode, for which both settings must be per
// message group. A standard queue must not have these attributes, not even as false: SQS refuses that.
func (e *ensurer) queueAttributes(q topology.Queue, arns map[string]string) (map[string]string, error) {
	attributes := map[string]string{
		"DelaySeconds":           seconds(e.topology.Delay(q).Seconds()),
		"VisibilityTimeout":      seconds(e.topology.VisibilityTimeout(q.Name).Seconds()),
		"MessageRetentionPeriod": strconv.Itoa(q.RetentionSeconds),
	}
	if !q.Standard() {
		attributes["FifoQueue"] = "true"
		attributes["DeduplicationScope"] = "messageGroup"
		attributes["FifoThroughputLimit"] = "perMessageGroupId"
		// EventBridge sends no deduplication id, so SQS derives it from the content in a queue that is a rule's target.
		attributes["ContentBasedDeduplication"] = strconv.FormatBool(e.isRuleTarget(q.Name))
	}
	if q.DeadLetterQueue != "" {
		policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": arns[q.DeadLetterQueue], "maxReceiveCount": q.MaxReceiveCount})
		if err != nil {
			return nil, fmt.Errorf("queue %s: %w", queueName(q), err)
		}
		attributes["RedrivePolicy"] = string(policy)
	}
	return attributes, nil
}

func seconds(s float64) string { return strconv.Itoa(int(s)) }

func (e *ensurer) isRuleTarget(queue string) bool {
	return slices.ContainsFunc(e.topology.Rules, func(r topology.Rule) bool { return r.Queue == queue })
}

func (e *ensurer) queue(ctx context.Context, q topology.Queue, want, arns map[string]string) error {
	name := queueName(q)
	url, err := e.queueURL(ctx, name)
	if err != nil {
		return err
	}
	if url == "" {
		out, err := e.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: want})
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		url = aws.ToString(out.QueueUrl)
		e.created("queue %s", name)
	}
	out, err := e.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	for _, attribute := range slices.Sorted(maps.Keys(want)) {
		is, wanted := out.Attributes[attribute], want[attribute]
		if attribute == "RedrivePolicy" {
			is, wanted = canonicalPolicy(is), canonicalPolicy(wanted)
		}
		e.compare("queue "+name, attribute, is, wanted)
	}
	arns[q.Name] = out.Attributes["QueueArn"]
	e.result.Values["queueUrl:"+q.Name] = url
	return nil
}

// queueURL returns "" if there is no such queue.
func (e *ensurer) queueURL(ctx context.Context, name string) (string, error) {
	out, err := e.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	var absent *types.QueueDoesNotExist
	switch {
	case errors.As(err, &absent):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look up: %w", err)
	default:
		return aws.ToString(out.QueueUrl), nil
	}
}

// canonicalPolicy returns the same text for all forms of one policy: servers differ in the order of members and in whether the
// count is a number or a string.
func canonicalPolicy(policy string) string {
	var p struct {
		Target string `json:"deadLetterTargetArn"`
		Count  any    `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return policy
	}
	return fmt.Sprintf("%s after %v receives", p.Target, p.Count)
}
