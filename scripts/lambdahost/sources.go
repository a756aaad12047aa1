package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/lambdahost/internal/queuesource"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
	"boxoffice/scripts/lambdahost/internal/schedule"
	"boxoffice/scripts/lambdahost/internal/streamsource"
)

// source invokes a function until its context ends.
type source struct {
	Run    func(context.Context)
	status func() any
}

// target is one function of the host, in the form that sources need.
type target struct {
	runtime  *runtimeapi.Host
	function string
}

// Invoke calls the function.
func (t target) Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error) {
	return t.runtime.Invoke(ctx, t.function, runtimeapi.Invocation{Payload: payload, Wait: wait})
}

// Reserve implements queuesource.Target.
func (t target) Reserve(ctx context.Context) (queuesource.Place, error) {
	p, err := t.runtime.Reserve(ctx, t.function)
	if err != nil {
		return nil, err
	}
	return place{t, p}, nil
}

// place is a process that is reserved for a batch.
type place struct {
	target
	kept *runtimeapi.Place
}

// Invoke implements queuesource.Place.
func (p place) Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error) {
	return p.runtime.Invoke(ctx, p.function, runtimeapi.Invocation{Payload: payload, Wait: wait, Place: p.kept})
}

// GiveBack implements queuesource.Place.
func (p place) GiveBack() { p.kept.GiveBack() }

// newSources creates the sources of every function that has a queue, a stream or a schedule. Queues and tables must exist.
func newSources(ctx context.Context, c config, cfg aws.Config, account string, runtime *runtimeapi.Host, log *slog.Logger) ([]source, error) {
	queues, tables, streams := sqs.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), dynamodbstreams.NewFromConfig(cfg)
	var all []source
	for i, f := range c.topology.Functions {
		to := target{runtime, f.Name}
		timeout := time.Duration(f.TimeoutSeconds) * time.Second
		if f.Queue != nil {
			s, err := queuesource.New(ctx, queues, to, queuesource.Options{
				Queue: f.Queue.Name, Function: f.Name, QueueURL: c.values["queueUrl:"+f.Queue.Name], BatchSize: f.Queue.BatchSize, Standard: c.standard(f.Queue.Name),
				Concurrency: concurrency(*f.Queue, c.functions[i].Processes), FunctionTimeout: timeout, Wait: c.PollWait, Pause: c.PollEvery,
				Random: rand.Reader, Logger: log, Now: time.Now,
			})
			if err != nil {
				return nil, err
			}
			all = append(all, source{s.Run, func() any { return s.Status() }})
		}
		if f.Stream != nil {
			s, err := streamsource.New(ctx, tables, streams, to, streamsource.Options{
				Table: c.values["tableName:"+f.Stream.Table], Function: f.Name, FunctionARN: c.functions[i].ARN, BatchSize: f.Stream.BatchSize,
				Window: time.Duration(f.Stream.BatchingWindowSeconds) * time.Second, ParallelizationFactor: f.Stream.ParallelizationFactor,
				Attempts: f.Stream.MaximumRetryAttempts + 1, MaximumAge: f.Stream.MaximumRecordAge(), BisectOnError: f.Stream.BisectBatchOnFunctionError,
				Destination: destinationOf(queues, c.values["queueUrl:"+f.Stream.OnFailure]), Logger: log,
			})
			if err != nil {
				return nil, err
			}
			all = append(all, source{s.Run, func() any { return s.Status() }})
		}
		if f.Schedule != nil {
			s, err := schedule.New(to, schedule.Options{
				Function: f.Name, Every: time.Duration(f.Schedule.EverySeconds) * time.Second,
				Retries: f.Asynchronous.MaximumRetryAttempts, MaximumAge: time.Duration(f.Asynchronous.MaximumEventAgeSeconds) * time.Second, Account: account, Region: cfg.Region,
				Now: time.Now, NewID: func() string { return runtimeapi.NewID(rand.Reader) }, Logger: log,
			})
			if err != nil {
				return nil, err
			}
			all = append(all, source{s.Run, func() any { return s.Status() }})
		}
	}
	return all, nil
}

// standard reports whether the queue is a standard queue, not FIFO.
func (c config) standard(queue string) bool {
	q, _ := c.topology.QueueNamed(queue)
	return q.Standard()
}

// destination is the standard queue that receives letters about given-up records of a stream.
type destination struct {
	client *sqs.Client
	url    string
}

// destinationOf returns nil for a mapping without a destination.
func destinationOf(client *sqs.Client, url string) streamsource.Destination {
	if url == "" {
		return nil
	}
	return destination{client, url}
}

// Send implements streamsource.Destination.
func (d destination) Send(ctx context.Context, letter []byte) error {
	if _, err := d.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &d.url, MessageBody: aws.String(string(letter))}); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// concurrency bounds the parallel batches of a queue: by the processes, of which there are no more than the reserved concurrency,
// and, as on AWS, by the mapping's MaximumConcurrency.
func concurrency(q topology.QueueSource, processes int) int {
	if q.MaximumConcurrency > 0 {
		return min(q.MaximumConcurrency, processes)
	}
	return processes
}
