package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/moduleroot"
)

// options are the command line.
type options struct {
	Only    []string      `arg:"" optional:"" help:"Only the mutants whose name or package contains one of these."`
	List    bool          `help:"Print the names of the mutants and run nothing."`
	File    string        `default:"scripts/mutants/mutants.json" help:"The list of mutants, from the module's root."`
	Jobs    int           `default:"${jobs}" help:"Mutants that are tried at once."`
	JSON    bool          `name:"json" help:"Print JSON."`
	Timeout time.Duration `default:"40m" help:"How long all of it may take."`
}

// run is the program. It returns the exit code: 0 every mutant is found by a test, 1 one is not or could not be tried, 2 used
// wrongly.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var o options
	return cli.Run("mutants", &o, args, out, errOut, func(*kong.Context) error { return plant(ctx, o, out, errOut) },
		kong.Vars{"jobs": fmt.Sprint(runtime.NumCPU())}, kong.Description("Plants known bugs one at a time and says which of them no test finds."))
}

// plant tries the mutants and prints the result of each.
func plant(ctx context.Context, o options, out, errOut io.Writer) error {
	if o.Jobs < 1 {
		return cli.Misuse(fmt.Errorf("--jobs is %d, want at least 1", o.Jobs))
	}
	root, err := moduleroot.Find()
	if err != nil {
		return cli.Misuse(err)
	}
	mutants, err := load(root, filepath.Join(root, o.File))
	if err != nil {
		return err
	}
	if mutants = only(mutants, o.Only); len(mutants) == 0 {
		return cli.Misuse(fmt.Errorf("no mutant is named like %s", strings.Join(o.Only, " or ")))
	}
	if o.List {
		for _, m := range mutants {
			_, _ = fmt.Fprintf(out, "%s: %s\n", m.Package, m.Name)
		}
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not done within %s", o.Timeout))
	defer cancel()
	r, err := tryAll(ctx, root, mutants, o.Jobs, cli.Progress(errOut, time.Now))
	// After a failure, what was tried before it is still printed: it took minutes.
	print := r.print
	if o.JSON {
		print = r.printJSON
	}
	if err := errors.Join(err, print(out)); err != nil {
		return err
	}
	if !r.good() {
		return cli.WithCode(cli.Failed, nil) // the report says why
	}
	return nil
}

// only returns the mutants whose name or package contains one of the texts, and all mutants if there are no texts.
func only(mutants []mutant, texts []string) []mutant {
	if len(texts) == 0 {
		return mutants
	}
	var some []mutant
	for _, m := range mutants {
		for _, text := range texts {
			if strings.Contains(m.Name, text) || strings.Contains(m.Package, text) {
				some = append(some, m)
				break
			}
		}
	}
	return some
}
