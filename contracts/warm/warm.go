// Package warm is what a function's process does before its first invocation, on both sides.
package warm

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"boxoffice/contracts/telemetry"
)

// Within bounds what a process does before its first invocation, which waits for it. Lambda itself gives 10 s, at the full CPU
// of a core, before it starts the process again.
const Within = time.Second

// Tasks are the connections and reads that would otherwise be the first invocation's. They are added by one goroutine, and run
// once.
type Tasks struct {
	tasks []task
}

type task struct {
	what string
	do   func(ctx context.Context) error
}

// Add adds a task. The tasks run concurrently, when everything is wired. One that fails or takes too long is logged and no more:
// whoever needs what it is for does it then.
func (w *Tasks) Add(what string, do func(ctx context.Context) error) {
	w.tasks = append(w.tasks, task{what, do})
}

// Run runs the tasks and returns when each has ended; those that go by their context do so within the time.
func (w *Tasks) Run(ctx context.Context, within time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var all sync.WaitGroup
	for _, t := range w.tasks {
		all.Go(func() {
			if err := t.try(ctx); err != nil {
				log.WarnContext(ctx, "not done before the first invocation: "+t.what, telemetry.KeyError, err.Error())
			}
		})
	}
	all.Wait()
}

// try makes an error of a panic: a process that ended here would be started again and again.
func (t task) try(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return t.do(ctx)
}
