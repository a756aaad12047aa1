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

// Rows has the clients of a queue's consumer that needs only rows and messages, and no seat group in Redis. Each dependency has one
// breaker, which all its callers in the process share.
type Rows struct {
	Orders *dynamoorder.Store
	// Sender combines the messages of all groups of a batch in shared calls.
	Sender *sqssend.Shared
	// Attempts records the attempts at messages that have begun and not ended.
	Attempts *dynamoattempts.Notes
	// Source returns messages that a batch could not handle to their queue, and moves poison to the dead-letter queue. It has its
	// own breaker: when sends fail, a message must still be redelivered soon and not after the whole visibility timeout.
	Source *sqssend.Sender

	dynamo        *dynamodb.Client
	dynamoBreaker retry.Breaker
}

// NewRows builds the clients. They connect on first use.
func NewRows(p Process, t RowTables, urls map[message.Queue]string) Rows {
	return newRows(p, t, "", urls)
}

// newRows is NewRows with the table of fencing tokens; "" if the consumer loads no seat group.
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

// Batches returns the Lambda handler of a queue. runs may be nil.
func (r Rows) Batches(p Process, handler sqsbatch.Handler, runs *sqsbatch.Runs, source Source, bury sqsbatch.Bury) *sqsbatch.Batches {
	queue := r.Source.At(source.QueueURL)
	return sqsbatch.New(handler, queue, bury, sqsbatch.Options{
		Runs: runs, Attempts: r.Attempts, Visibility: queue.Visibility, Share: r.Sender.Batch, Logger: p.Log, Meter: p.Meter, Now: p.Now,
	})
}
