package resources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/topology"
)

func (e *ensurer) buses(ctx context.Context) error {
	for _, b := range e.topology.Buses {
		_, err := e.events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &b.Name})
		var absent *types.ResourceNotFoundException
		switch {
		case errors.As(err, &absent):
			if _, err := e.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &b.Name}); err != nil {
				return fmt.Errorf("bus %s: create: %w", b.Name, err)
			}
			e.created("bus %s", b.Name)
		case err != nil:
			return fmt.Errorf("bus %s: look up: %w", b.Name, err)
		}
		e.result.Values["busName:"+b.Name] = b.Name
	}
	return nil
}

func (e *ensurer) rules(ctx context.Context) error {
	for _, r := range e.topology.Rules {
		if err := e.rule(ctx, r); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	return nil
}

func (e *ensurer) rule(ctx context.Context, r topology.Rule) error {
	pattern, err := r.Pattern()
	if err != nil {
		return err
	}
	described, err := e.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &r.Name, EventBusName: &r.Bus})
	var absent *types.ResourceNotFoundException
	switch {
	case errors.As(err, &absent):
		if err := e.createRule(ctx, r, string(pattern)); err != nil {
			return err
		}
		e.created("rule %s", r.Name)
		return nil
	case err != nil:
		return fmt.Errorf("look up: %w", err)
	}
	if !samePattern(aws.ToString(described.EventPattern), string(pattern)) {
		e.compare("rule "+r.Name, "pattern", aws.ToString(described.EventPattern), string(pattern))
	}
	targets, err := e.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &r.Name, EventBusName: &r.Bus})
	if err != nil {
		return fmt.Errorf("read back its target: %w", err)
	}
	arn, err := e.queueARN(ctx, r.Queue)
	if err != nil {
		return err
	}
	var is, transformer string
	if len(targets.Targets) == 1 {
		is = aws.ToString(targets.Targets[0].Arn)
		if t := targets.Targets[0].InputTransformer; t != nil {
			transformer = transformerText(t.InputPathsMap, aws.ToString(t.InputTemplate))
		}
	}
	e.compare("rule "+r.Name, "target", orNone(is), arn)
	e.compare("rule "+r.Name, "message", orNone(transformer), transformerText(r.Message.Paths, r.Message.Template))
	return nil
}

func (e *ensurer) createRule(ctx context.Context, r topology.Rule, pattern string) error {
	arn, err := e.queueARN(ctx, r.Queue)
	if err != nil {
		return err
	}
	if _, err := e.events.PutRule(ctx, &eventbridge.PutRuleInput{Name: &r.Name, EventBusName: &r.Bus, EventPattern: &pattern}); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	target := types.Target{
		Id: aws.String(r.Queue), Arn: &arn,
		InputTransformer: &types.InputTransformer{InputPathsMap: r.Message.Paths, InputTemplate: &r.Message.Template},
	}
	if q, _ := e.topology.QueueNamed(r.Queue); !q.Standard() {
		// EventBridge sends all messages of a target in one group. Events have a version, so their order does not matter.
		target.SqsParameters = &types.SqsParameters{MessageGroupId: &r.Name}
	}
	out, err := e.events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &r.Name, EventBusName: &r.Bus, Targets: []types.Target{target}})
	if err != nil {
		return fmt.Errorf("set its target: %w", err)
	}
	if len(out.FailedEntries) > 0 {
		f := out.FailedEntries[0]
		return fmt.Errorf("set its target: %s: %s", aws.ToString(f.ErrorCode), aws.ToString(f.ErrorMessage))
	}
	return nil
}

func (e *ensurer) queueARN(ctx context.Context, name string) (string, error) {
	url := e.result.Values["queueUrl:"+name]
	out, err := e.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	if err != nil {
		return "", fmt.Errorf("queue %s: %w", name, err)
	}
	return out.Attributes["QueueArn"], nil
}

// transformerText returns an input transformer in one form.
func transformerText(paths map[string]string, template string) string {
	encoded, err := json.Marshal(paths) // with the names in order
	if err != nil {
		return ""
	}
	return string(encoded) + " " + template
}

func samePattern(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
