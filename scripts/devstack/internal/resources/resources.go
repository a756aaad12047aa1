// Package resources creates on an AWS endpoint what the topology specifies, and checks that existing resources are as specified.
// An attribute that differs is an error and never changed silently: such a stack would test something else than what is deployed.
package resources

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/topology"
)

// Result of Ensure.
type Result struct {
	// Created names the resources that did not exist before, in the order of creation.
	Created []string
	// Values has the value of each reference to a queue, table or bus (topology.Function.Resolve).
	Values topology.Values
}

// DriftError means that a resource is not as specified.
type DriftError struct {
	Resource, Attribute string
	// Is and Want are the attribute's values.
	Is, Want string
}

func (e DriftError) Error() string {
	return fmt.Sprintf("%s: %s is %s, the specification says %s", e.Resource, e.Attribute, e.Is, e.Want)
}

type ensurer struct {
	topology topology.Topology
	sqs      *sqs.Client
	dynamodb *dynamodb.Client
	events   *eventbridge.Client
	result   Result
	drift    []error
}

// Ensure creates what is missing and compares what exists with the topology. Its error has all differences. A second call with
// the same topology changes nothing.
func Ensure(ctx context.Context, cfg aws.Config, t topology.Topology) (Result, error) {
	e := &ensurer{
		topology: t, sqs: sqs.NewFromConfig(cfg), dynamodb: dynamodb.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg),
		result: Result{Values: topology.Values{}},
	}
	for _, step := range []func(context.Context) error{e.queues, e.tables, e.buses, e.rules} {
		if err := step(ctx); err != nil {
			return e.result, err
		}
	}
	return e.result, errors.Join(e.drift...)
}

func (e *ensurer) created(format string, args ...any) {
	e.result.Created = append(e.result.Created, fmt.Sprintf(format, args...))
}

func (e *ensurer) compare(resource, attribute, is, want string) {
	if is != want {
		e.drift = append(e.drift, DriftError{Resource: resource, Attribute: attribute, Is: is, Want: want})
	}
}
