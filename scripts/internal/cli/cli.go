// Package cli is what the programs of this repository share at a terminal: how arguments are parsed, how a program ends, and how
// progress is printed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes of a program.
const (
	Done    = 0
	Failed  = 1
	Misused = 2
)

// Run parses args into grammar, a pointer to a struct with kong's tags, and calls do with the result. It returns the exit code:
// Done after --help and where do succeeds, Misused where args do not fit the grammar, and for an error of do the code that Misuse
// or WithCode gave it, or else Failed. The error is printed to errOut behind the program's name.
func Run(name string, grammar any, args []string, out, errOut io.Writer, do func(*kong.Context) error, options ...kong.Option) int {
	parsed, err := parse(name, grammar, args, out, errOut, options)
	if err == nil && parsed != nil {
		err = do(parsed)
	}
	if err == nil {
		return Done
	}
	ends := coded{err, Failed}
	_ = errors.As(err, &ends)
	if ends.error != nil {
		// An error that cannot be printed still has its exit code.
		_, _ = fmt.Fprintf(errOut, "%s: %v\n", name, err)
	}
	return ends.code
}

// coded is an error with an exit code. Without an error nothing is printed.
type coded struct {
	error
	code int
}

func (c coded) Error() string {
	if c.error == nil {
		return fmt.Sprintf("exit code %d", c.code)
	}
	return c.error.Error()
}

func (c coded) Unwrap() error { return c.error }

// WithCode makes Run return a code for an error. Where err is nil, Run returns the code and prints nothing.
func WithCode(code int, err error) error { return coded{err, code} }

// Misuse marks an error as a mistake of the caller.
func Misuse(err error) error { return WithCode(Misused, err) }

// helped is how kong's --help leaves parse: kong wants its exit not to return.
type helped struct{}

// parse returns nil and no error after --help, which prints the help. An error is a mistake of the caller.
func parse(name string, grammar any, args []string, out, errOut io.Writer, options []kong.Option) (parsed *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(helped); !ok {
				panic(r)
			}
			parsed, err = nil, nil
		}
	}()
	options = append(options, kong.Name(name), kong.Writers(out, errOut), kong.Exit(func(int) { panic(helped{}) }))
	// A grammar that kong refuses is a bug of the program.
	parsed, err = kong.Must(grammar, options...).Parse(args)
	if err != nil {
		return nil, Misuse(fmt.Errorf("%w (see %s --help)", err, name))
	}
	return parsed, nil
}

// Main calls run, the program, with the process's arguments and outputs, and ends the process with the code that run returns. ctx
// ends at SIGINT and SIGTERM.
func Main(run func(ctx context.Context, args []string, out, errOut io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Progress returns a function that prints a line with the seconds since Progress was called. It is safe for concurrent use.
func Progress(w io.Writer, now func() time.Time) func(format string, args ...any) {
	begun := now()
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		// A program goes on where its progress cannot be printed.
		_, _ = fmt.Fprintf(w, "%6.1f s  %s\n", now().Sub(begun).Seconds(), fmt.Sprintf(format, args...))
	}
}
