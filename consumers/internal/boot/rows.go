package boot

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/dynamoattempts"
	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// Rows is what a consumer of a queue is wired from that acts by rows and messages alone, without a seat group in Redis. One
// breaker stands before each dependency, shared by all that calls it in this process.
type Rows struct {
	Orders *dynamoorder.Store
	// Sender shares one send among the groups of a batch.
	Sender *sqssend.Shared
	// Attempts notes what was begun and has not come back.
	Attempts *dynamoattempts.Notes
	// Source gives back what a batch could not do and buries its poison. It has a breaker of its own: when sends fail,
	// a message must still come back soon and not after the whole visibility timeout.
	Source *sqssend.Sender

	dynamo        *dynamodb.Client
	dynamoBreaker retry.Breaker
}

// NewRows builds the clients. They dial on first use.
func NewRows(p Process, t RowTables, urls map[message.Queue]string) Rows {
	return newRows(p, t, "", urls)
}

// newRows is NewRows with the table of fencing tokens, "" where nothing is loaded.
func newRows(p Process, t RowTables, groupsTable string, urls map[message.Queue]string) Rows {
	dynamo, breaker, queues := dynamodb.NewFromConfig(p.AWS), p.Breaker("dynamodb", nil), sqs.NewFromConfig(p.AWS)
	return Rows{
		Orders: dynamoorder.New(dynamo, dynamoorder.Tables{
			Orders: t.OrdersTable, Tickets: t.TicketsTable, Groups: groupsTable, Allowances: t.AllowancesTable,
		}, breaker),
		Sender:   sqssend.NewShared(sqssend.New(queues, urls, p.Breaker("sqs", sqssend.Healthy)), sqssend.SharedOptions{}),
		Attempts: dynamoattempts.New(dynamo, t.DeadLettersTable, breaker),
		Source:   sqssend.New(queues, nil, p.Breaker("sqs-source", sqssend.Healthy)),
		dynamo:   dynamo, dynamoBreaker: breaker,
	}
}

// Batches is the Lambda handler of a queue. runs may be nil.
func (r Rows) Batches(p Process, handler sqsbatch.Handler, runs *sqsbatch.Runs, source Source, bury sqsbatch.Bury) *sqsbatch.Batches {
	queue := r.Source.At(source.QueueURL)
	return sqsbatch.New(handler, queue, bury, sqsbatch.Options{
		Runs: runs, Attempts: r.Attempts, Visibility: queue.Visibility, Share: r.Sender.Batch, Logger: p.Log, Meter: p.Meter, Now: p.Now,
	})
}
