package main

import (
	"context"
	"errors"
	"slices"

	"boxoffice/scripts/devstack/internal/process"
	"boxoffice/scripts/devstack/internal/stack"
)

type downCommand struct{}

// Run implements the command.
func (c *downCommand) Run(ctx context.Context, a *app, root *commands) error {
	f, unlock, err := a.lock(root.Stack)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // the end of the process unlocks too
	return a.down(ctx, f)
}

// down stops what is left of the stack, the functions before the stores that they use. It deletes the state only when every
// process has ended: without the records the processes could not be found again.
func (a *app) down(ctx context.Context, f stack.Folder) error {
	var problems []error
	for _, name := range slices.Backward(processNames) {
		record, found, err := process.Read(f.Process(name))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if !found || !record.Alive() {
			continue
		}
		grace := serverGrace
		if name == lambdahostName {
			grace = handlersGrace
		}
		if err := record.Stop(ctx, grace); err != nil {
			problems = append(problems, err)
			continue
		}
		a.progress("%s: stopped", name)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	if err := f.Remove(); err != nil {
		return err
	}
	a.progress("stack %s is down", f.Name)
	return nil
}
