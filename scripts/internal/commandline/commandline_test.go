package commandline_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"boxoffice/scripts/internal/commandline"
)

type options struct {
	Name string `required:"" help:"Whose it is."`
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     []string
		done     bool
		problem  string
		out, set string
	}{
		{name: "arguments", args: []string{"--name", "anna"}, set: "anna"},
		{name: "help, though what is required is missing", args: []string{"--help"}, done: true, out: "Whose it is."},
		{name: "missing", problem: "--name"},
		{name: "unknown", args: []string{"--unheard=anna"}, problem: "--unheard"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o options
			var out, errOut bytes.Buffer
			parsed, err := commandline.Parse("tool", &o, c.args, &out, &errOut)
			switch {
			case c.problem != "":
				if err == nil || !strings.Contains(err.Error(), c.problem) || !strings.Contains(err.Error(), "see tool --help") {
					t.Errorf("error %v, want one that names %s and the help", err, c.problem)
				}
			case err != nil:
				t.Error(err)
			case (parsed == nil) != c.done:
				t.Errorf("parsed %v, done %t", parsed, c.done)
			}
			if !strings.Contains(out.String(), c.out) || o.Name != c.set {
				t.Errorf("printed %q, name %q", out.String(), o.Name)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var out bytes.Buffer
	progress := commandline.Progress(&out, func() time.Time { return now })
	now = now.Add(2500 * time.Millisecond)
	progress("%d of %d", 1, 2)
	if got, want := out.String(), "   2.5 s  1 of 2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
