package outage_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"boxoffice/consumers/internal/adapters/dynamoattempts"
	"boxoffice/consumers/internal/adapters/memrate"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts/message"
)

// process is one execution environment of a function: its own breakers, as boot makes them, and the deployed handler over the
// world's stores.
type process struct {
	world                *world
	redis, dynamo, sends retry.Breaker
	source, stripe       retry.Breaker
	sender               *sqssend.Shared
	handle               memqueue.Function
	random               *rand.Rand
}

// functions has the functions behind a queue, by the name of the queue.
var functions = map[string]func(*process) (sqsbatch.Handler, *sqsbatch.Runs, sqsbatch.Bury){
	"orders": (*process).reserve, "expiries": (*process).expire, "payments": (*process).pay, "authorizations": (*process).commit,
}

func newProcess(w *world, queue string) *process {
	p := &process{
		world: w, random: w.random(), redis: retry.NewBreaker("redis", retry.BreakerOptions{}), dynamo: retry.NewBreaker("dynamodb", retry.BreakerOptions{}),
		sends:  retry.NewBreaker("sqs", retry.BreakerOptions{IsSuccessful: sqssend.Healthy}),
		source: retry.NewBreaker("sqs-source", retry.BreakerOptions{IsSuccessful: sqssend.Healthy}), stripe: retry.NewBreaker("stripe", retry.BreakerOptions{}),
	}
	sqs := client{queues: w.queues, sends: w.sends, visibility: w.topology.VisibilityTimeout}
	p.sender = sqssend.NewShared(sqssend.New(sqs, urls(), p.sends), sqssend.SharedOptions{})
	handler, runs, bury := functions[queue](p)
	p.handle = sqsbatch.New(handler, p.at(queue), bury, sqsbatch.Options{
		Runs: runs, Share: p.sender.Batch, Attempts: dynamoattempts.New(notes{w}, "deadletters", p.dynamo),
		Visibility: p.at(queue).Visibility,
		Backoff:    retry.NewFullJitter(time.Second, retry.MaxVisibility, w.random()), Logger: w.log,
	}).Handle
	return p
}

// at returns a queue for returned messages or for letters, with another breaker than that of sends.
func (p *process) at(queue string) *sqssend.Queue {
	return sqssend.New(client{queues: p.world.queues, sends: p.world.sends, visibility: p.world.topology.VisibilityTimeout}, nil, p.source).At(queue)
}

func (p *process) seats() *seats.Store {
	return seats.NewStore(groups{p}, seats.NewLoader(rows{p}, rows{p}, &catalogue{process: p}, groups{p}, nil, seats.LoaderOptions{}))
}

func (p *process) ending() seats.Ending {
	return seats.Ending{Seats: p.seats(), Sender: p.sender, Log: p.world.log}
}

func (p *process) reserve() (sqsbatch.Handler, *sqsbatch.Runs, sqsbatch.Bury) {
	c := &catalogue{process: p}
	d := reserve.Dispatcher{
		Place:  reserve.Place{Seats: p.seats(), Orders: rows{p}, Catalogue: c, Sender: p.sender, Pace: pace{p}, Now: time.Now},
		Cancel: reserve.Cancel{Orders: rows{p}, Ending: p.ending(), Now: time.Now},
		Settle: reserve.Settle{Seats: p.seats(), Orders: rows{p}, Tickets: rows{p}, Catalogue: c, Ending: p.ending(), Now: time.Now},
		Expire: expire.Expire{Orders: rows{p}, Ending: p.ending(), Now: time.Now},
		Mirror: mirror.Mirror{
			Rows: rows{p}, Seats: p.seats(), Catalogue: c, Sender: p.sender, Now: time.Now,
		},
		Rebuild: seats.Rebuild{Concerts: c, Groups: p.seats()},
	}
	burial := reserve.Burial{Orders: rows{p}, DeadLetters: p.at("orders-dead"), Now: time.Now}
	return d.Handle, &sqsbatch.Runs{Joins: d.Joins, Handle: d.HandleRun}, burial.Bury
}

func (p *process) expire() (sqsbatch.Handler, *sqsbatch.Runs, sqsbatch.Bury) {
	return expire.Expire{Orders: rows{p}, Ending: p.ending(), Now: time.Now}.Handle, nil, p.at("expiries-dead").Copy
}

func (p *process) commit() (sqsbatch.Handler, *sqsbatch.Runs, sqsbatch.Bury) {
	d := commit.Dispatcher{
		Authorized: commit.Authorized{Orders: rows{p}, Sender: p.sender, Mode: message.ModeTest, Log: p.world.log, Now: time.Now},
		Declined:   commit.Declined{Orders: rows{p}},
	}
	return d.Handle, nil, p.at("authorizations-dead").Copy
}

func (p *process) pay() (sqsbatch.Handler, *sqsbatch.Runs, sqsbatch.Bury) {
	h := pay.Pay{
		Orders:   rows{p},
		Provider: pay.Limited{Provider: provider{p}, Bucket: bucket{p}, Own: memrate.New(pay.LiveRates.Share(0.1), time.Now)},
		Sender:   p.sender, Pace: pace{p}, Environment: environment, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	return h.Handle, nil, p.at("payments-dead").Copy
}

// run makes the processes of every function and polls their queues until the context ends.
func (w *world) run(ctx context.Context, processes int) {
	for queue := range functions {
		idle := make(chan *process, processes)
		for range processes {
			idle <- newProcess(w, queue)
		}
		timeout := w.topology.VisibilityTimeout(queue) / time.Duration(w.topology.VisibilityTimeoutFactor)
		w.running.Go(func() { w.poll(ctx, queue, timeout, idle) })
	}
}
