package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/testbed"
)

// options are the command line. Options with a variable come from make env.
type options struct {
	Only       []string      `enum:"reads,stampede,http,paid,login,drain,start" default:"reads,stampede,http,paid,login,drain,start" help:"Parts to measure: ${enum}."`
	Orders     int           `default:"3000" help:"Orders that wait in the queue before it is drained."`
	HTTPOrders int           `name:"http-orders" default:"1000" help:"Orders sent over HTTP, without payment and with it."`
	Clients    int           `default:"64" help:"Buyers at once over HTTP. Each places an order and polls it until it is decided or paid; then the next buyer starts."`
	RushBuyers int           `name:"stampede-buyers" default:"5000" help:"Buyers who order in the same instant."`
	RushSeats  int           `name:"stampede-seats" default:"1000" help:"Seats that they order, each seat by equally many buyers."`
	Logins     int           `default:"200" help:"Logins to one account."`
	Starts     int           `default:"11" help:"Starts of each function."`
	NoFloor    bool          `help:"Leave out the bare loops."`
	JSON       bool          `name:"json" help:"Print JSON."`
	Timeout    time.Duration `default:"10m" help:"How long all of it may take."`

	Stack    string `env:"STACK" required:"" help:"Name of the stack, whose addresses and names are in the environment (make env)."`
	Devstack string `default:".local/tools/devstack" type:"existingfile" help:"The devstack program, which knows the stack's processes."`
}

// groupsOfMany is the number of seat groups of the measures with many groups.
const groupsOfMany = 32

// groupsOfRush bounds the number of seat groups that the seats of the stampede are in.
const groupsOfRush = 12

// run is the program. It returns the exit code: 0 measured, 1 failed, 2 used wrongly. No figure makes it fail.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var o options
	return cli.Run("measure", &o, args, out, errOut, func(*kong.Context) error { return measure(ctx, o, out, errOut) },
		kong.Description("Measure a stack of its own (make measure): orders a second, CPU time an order, starts of functions. It stops the stack's Lambda host for moments and fills the concert, so it refuses the default stack."))
}

func measure(ctx context.Context, o options, out, errOut io.Writer) error {
	if err := o.check(); err != nil {
		return cli.Misuse(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not done within %s", o.Timeout))
	defer cancel()
	bed, err := testbed.OpenHere(ctx)
	if err != nil {
		return cli.Misuse(err)
	}
	defer bed.Close() //nolint:errcheck // nothing is lost with it
	m := &measures{options: o, progress: cli.Progress(errOut, time.Now)}
	report, err := m.all(ctx, bed)
	// After a failure, what was measured before it is still printed: it took minutes.
	print := report.print
	if o.JSON {
		print = report.printJSON
	}
	return errors.Join(err, print(out))
}

func (o options) check() error {
	var problems []error
	if o.Stack == "default" {
		problems = append(problems, errors.New("the default stack is in use by people: measure needs one of its own (make measure)"))
	}
	for name, n := range map[string]int{"--orders": o.Orders, "--http-orders": o.HTTPOrders, "--clients": o.Clients, "--stampede-buyers": o.RushBuyers, "--stampede-seats": o.RushSeats, "--starts": o.Starts, "--logins": o.Logins} {
		if n < 1 {
			problems = append(problems, fmt.Errorf("%s is %d, want at least 1", name, n))
		}
	}
	return errors.Join(problems...)
}

// measures is one run.
type measures struct {
	options
	*stack
	progress func(format string, args ...any)
}

func (m *measures) all(ctx context.Context, bed *testbed.Bed) (report, error) {
	r := report{Cores: runtime.NumCPU(), Go: runtime.Version()}
	var err error
	if m.stack, err = connect(ctx, bed, m.options); err != nil {
		return r, err
	}
	m.progress("waiting until every seat group of %s is loaded", m.Arena)
	if err := m.awaitLoaded(ctx); err != nil {
		return r, err
	}
	groups := m.layout.Groups
	if needed := 3*groupsOfMany + 2 + groupsOfRush; len(groups) < needed {
		return r, fmt.Errorf("%s has %d seat groups, want at least %d", m.Arena, len(groups), needed)
	}
	// First, on a machine that does nothing else.
	if slices.Contains(m.Only, "reads") {
		if r.Reads, err = m.read(ctx); err != nil {
			return r, fmt.Errorf("reads: %w", err)
		}
	}
	if slices.Contains(m.Only, "stampede") {
		s, err := m.rush(ctx, groups[len(groups)-groupsOfRush:])
		if err != nil {
			return r, fmt.Errorf("stampede: %w", err)
		}
		r.Stampede = &s
	}
	// Before the drain: the emulator gets slower with each held order, whose ExpireHold waits in a queue.
	if slices.Contains(m.Only, "http") {
		p, err := m.overHTTP(ctx, groups[1+groupsOfMany:1+2*groupsOfMany])
		if err != nil {
			return r, fmt.Errorf("over HTTP: %w", err)
		}
		r.Phases = append(r.Phases, p)
	}
	if slices.Contains(m.Only, "paid") {
		p, err := m.paid(ctx, groups[1+2*groupsOfMany:1+3*groupsOfMany])
		if err != nil {
			return r, fmt.Errorf("paid: %w", err)
		}
		r.Phases = append(r.Phases, p)
	}
	if slices.Contains(m.Only, "login") {
		l, err := m.login(ctx)
		if err != nil {
			return r, fmt.Errorf("login: %w", err)
		}
		r.Logins = &l
	}
	if slices.Contains(m.Only, "drain") {
		for _, some := range [][]group{groups[:1], groups[1 : 1+groupsOfMany]} {
			p, err := m.drain(ctx, some)
			if err != nil {
				return r, fmt.Errorf("drain %d groups: %w", len(some), err)
			}
			r.Phases = append(r.Phases, p)
		}
	}
	if r.Memory, err = m.memory(ctx); err != nil {
		return r, err
	}
	if slices.Contains(m.Only, "start") {
		if r.Functions, err = m.starts(ctx); err != nil {
			return r, fmt.Errorf("starts: %w", err)
		}
	}
	return r, nil
}
