// Package resources creates on an AWS endpoint what the topology specifies, and checks that what is there is what is
// specified: an attribute that differs is an error, never silently changed, since a stack that drifted would test
// something else than what is deployed.
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
	// Created names what was not there before, in the order of creation.
	Created []string
	// Values has the references of queues, tables and buses (topology.Function.Resolve).
	Values topology.Values
}

// DriftError says that a resource is not as specified.
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

// Ensure creates what is missing and compares what is there; all drift is reported together. A second call with the
// same topology changes nothing.
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
