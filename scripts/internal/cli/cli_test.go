package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"boxoffice/scripts/internal/cli"
)

type options struct {
	Name string `required:"" help:"Whose it is."`
}

func TestRun(t *testing.T) {
	failure := errors.New("no luck")
	for _, c := range []struct {
		name      string
		args      []string
		err       error // what the program returns
		code      int
		out, errs string
		called    bool
	}{
		{name: "success", args: []string{"--name", "anna"}, called: true},
		{name: "help needs no required flag", args: []string{"--help"}, out: "Whose it is."},
		{name: "missing flag", code: 2, errs: "tool: missing flags: --name"},
		{name: "unknown flag", args: []string{"--unheard=anna"}, code: 2, errs: "(see tool --help)\n"},
		{name: "failure", args: []string{"--name", "anna"}, err: failure, code: 1, errs: "tool: no luck\n", called: true},
		{name: "misuse", args: []string{"--name", "anna"}, err: fmt.Errorf("start: %w", cli.Misuse(failure)), code: 2, errs: "tool: start: no luck\n", called: true},
		{name: "code", args: []string{"--name", "anna"}, err: cli.WithCode(7, failure), code: 7, errs: "tool: no luck\n", called: true},
		{name: "code without a message", args: []string{"--name", "anna"}, err: cli.WithCode(7, nil), code: 7, called: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o options
			var out, errs bytes.Buffer
			called := false
			code := cli.Run("tool", &o, c.args, &out, &errs, func(*kong.Context) error {
				called = true
				return c.err
			})
			if code != c.code || called != c.called || called && o.Name != "anna" {
				t.Errorf("code %d, called %t, name %q; want code %d, called %t", code, called, o.Name, c.code, c.called)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.errs) || c.errs == "" && errs.Len() > 0 {
				t.Errorf("printed %q and %q, want %q and %q", out.String(), errs.String(), c.out, c.errs)
			}
		})
	}
}

func TestMisuseKeepsTheError(t *testing.T) {
	failure := errors.New("no luck")
	if err := cli.Misuse(failure); !errors.Is(err, failure) {
		t.Errorf("%v is not %v", err, failure)
	}
}

func TestProgressPrintsTheSeconds(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var out bytes.Buffer
	progress := cli.Progress(&out, func() time.Time { return now })
	now = now.Add(2500 * time.Millisecond)
	progress("%d of %d", 1, 2)
	if got, want := out.String(), "   2.5 s  1 of 2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
