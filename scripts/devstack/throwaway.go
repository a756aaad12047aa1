package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/cli"
)

type runCommand struct {
	stackFlags
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// commandGrace bounds how long a command may run after an interrupt before it is killed.
const commandGrace = 10 * time.Second

// Run implements the command.
func (c *runCommand) Run(ctx context.Context, a *app, root *commands) (err error) {
	if len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(c.Command) == 0 {
		return cli.Misuse(errors.New("no command was given"))
	}
	if root.Stack == stack.DefaultName {
		return cli.Misuse(errors.New("run takes its stack down at the end, so it needs one of its own: --stack NAME"))
	}
	f, unlock, err := a.lock(root.Stack)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // the end of the process unlocks too
	// Otherwise the command would use what an interrupted run left behind.
	if err := a.down(ctx, f); err != nil {
		return err
	}
	defer func() {
		// Also after an interrupt: no process may be left.
		if downErr := a.down(context.WithoutCancel(ctx), f); downErr != nil {
			err = errors.Join(err, downErr)
		}
	}()
	if _, err := a.up(ctx, f, c.stackFlags, true); err != nil {
		return err
	}
	return a.runIn(ctx, f.Name, c.Command)
}

func (a *app) runIn(ctx context.Context, name string, arguments []string) error {
	d, err := a.describe(name)
	if err != nil {
		return err
	}
	variables, err := d.variables()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...) //nolint:gosec // the caller's own command
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = commandGrace
	command.Dir, command.Stdout, command.Stderr = a.root, a.out, a.err
	command.Env = append([]string{}, a.environment...)
	for variable, value := range variables {
		command.Env = append(command.Env, variable+"="+value)
	}
	a.progress("running %v", arguments)
	if err := command.Run(); err != nil {
		return exitCodeOf(fmt.Errorf("%s: %w", arguments[0], err))
	}
	return nil
}

type toolsCommand struct {
	Ministack string `help:"A ministack that is installed already." env:"BOXOFFICE_MINISTACK" type:"path"`
}

// Run implements the command.
func (c *toolsCommand) Run(ctx context.Context, a *app) error {
	_, err := a.installTools(ctx, c.Ministack)
	return err
}

type buildCommand struct{}

// Run implements the command.
func (c *buildCommand) Run(ctx context.Context, a *app) error {
	t, err := topology.Load()
	if err != nil {
		return err
	}
	_, err = a.build(ctx, t.Functions)
	return err
}
