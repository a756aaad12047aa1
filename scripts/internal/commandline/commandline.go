// Package commandline is what the programs of this repository share at a terminal: how arguments are parsed, and how progress
// is printed.
package commandline

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/alecthomas/kong"
)

// ended is how kong's --help leaves Parse: kong wants its exit not to return.
type ended struct{}

// Parse fills the grammar, a pointer to a struct with kong's tags, from args. For --help it prints the help and returns nil:
// the program is done, with exit code 0. An error is a mistake of the caller, and names the program's --help.
func Parse(name string, grammar any, args []string, out, errOut io.Writer, options ...kong.Option) (parsed *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(ended); !ok {
				panic(r)
			}
			parsed, err = nil, nil
		}
	}()
	options = append(options, kong.Name(name), kong.Writers(out, errOut), kong.Exit(func(int) { panic(ended{}) }))
	// A grammar that kong does not take is a fault of the program.
	parsed, err = kong.Must(grammar, options...).Parse(args)
	if err != nil {
		return nil, fmt.Errorf("%w (see %s --help)", err, name)
	}
	return parsed, nil
}

// Progress prints a line with the seconds since it was made. It is safe for concurrent use.
func Progress(w io.Writer, now func() time.Time) func(format string, args ...any) {
	begun := now()
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		// Progress that cannot be written is no reason to stop.
		_, _ = fmt.Fprintf(w, "%6.1f s  %s\n", now().Sub(begun).Seconds(), fmt.Sprintf(format, args...))
	}
}
