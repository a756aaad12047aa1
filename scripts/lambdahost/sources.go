package main

import (
	"context"
	"crypto/rand"
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

// target is one function of the host, as sources see it.
type target struct {
	runtime  *runtimeapi.Host
	function string
}

// Invoke calls the function.
func (t target) Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error) {
	return t.runtime.Invoke(ctx, t.function, runtimeapi.Invocation{Payload: payload, Wait: wait})
}

// AwaitIdle waits for a free process.
func (t target) AwaitIdle(ctx context.Context) error { return t.runtime.AwaitIdle(ctx, t.function) }

// newSources connects every function that has a queue, a stream or a schedule. Queues and tables must exist.
func newSources(ctx context.Context, c config, cfg aws.Config, account string, runtime *runtimeapi.Host, log *slog.Logger) ([]source, error) {
	queues, tables, streams := sqs.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), dynamodbstreams.NewFromConfig(cfg)
	var all []source
	for i, f := range c.topology.Functions {
		to := target{runtime, f.Name}
		timeout := time.Duration(f.TimeoutSeconds) * time.Second
		if f.Queue != nil {
			s, err := queuesource.New(ctx, queues, to, queuesource.Options{
				Queue: f.Queue.Name, Function: f.Name, QueueURL: c.values["queueUrl:"+f.Queue.Name], BatchSize: f.Queue.BatchSize,
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
				Table: c.values["tableName:"+f.Stream.Table], Function: f.Name, BatchSize: f.Stream.BatchSize, BisectOnError: f.Stream.BisectOnError,
				Window: time.Duration(f.Stream.BatchingWindowSeconds) * time.Second, Logger: log,
			})
			if err != nil {
				return nil, err
			}
			all = append(all, source{s.Run, func() any { return s.Status() }})
		}
		if f.Schedule != nil {
			s, err := schedule.New(to, schedule.Options{
				Function: f.Name, Every: time.Duration(f.Schedule.EverySeconds) * time.Second, Account: account, Region: cfg.Region,
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

// concurrency of a queue is bounded by the processes and, as on AWS, by the mapping's MaximumConcurrency.
func concurrency(q topology.QueueSource, processes int) int {
	if q.MaximumConcurrency > 0 {
		return min(q.MaximumConcurrency, processes)
	}
	return processes
}
