// Package warm runs what a function's process does before its first invocation, on both sides.
package warm

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"boxoffice/contracts/telemetry"
)

// Within is the time limit for the tasks. The first invocation waits for them. Lambda itself allows 10 s, at the full CPU of a
// core, before it starts the process again.
const Within = time.Second

// Tasks are connections and reads that would otherwise slow the first invocation down. One goroutine adds them, and they run
// once.
type Tasks struct {
	tasks []task
}

type task struct {
	what string
	do   func(ctx context.Context) error
}

// Add adds a task. Tasks run concurrently, after everything is wired. A task that fails or takes too long is only logged: the
// invocation that needs its result does the work itself.
func (w *Tasks) Add(what string, do func(ctx context.Context) error) {
	w.tasks = append(w.tasks, task{what, do})
}

// Run runs the tasks and returns when all have ended. Their context ends after within.
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

// try runs the task and returns a panic as an error: a process that crashed here would be started again and again.
func (t task) try(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return t.do(ctx)
}
