package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
	_ "time/tzdata" // a machine at an entrance may have no zones of its own

	"github.com/alecthomas/kong"

	"boxoffice/contracts"
	"boxoffice/scripts/gate"
	"boxoffice/scripts/internal/cli"
)

// refused is the exit code after codes were refused, or doubles were found.
const refused = 3

// commands is the command line.
type commands struct {
	Data string `help:"Folder for the fetched data and the entries of concerts." default:"gate-data" env:"GATE_DATA"`
	JSON bool   `help:"Print JSON, for each code an object in a line."`

	Fetch fetchCommand `cmd:"" help:"Fetch layout, keys and revoked codes of a concert while there is a network. Fetch again shortly before the doors open."`
	Check checkCommand `cmd:"" help:"Check codes, a line each, from a file, standard input or a scanner that types like a keyboard. Needs no network."`
	Merge mergeCommand `cmd:"" help:"Merge the files of entries of several gates. Tickets that were used twice are reported; the earliest entry counts."`
}

// program is what the commands need.
type program struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
}

const description = `Checks tickets at the entrance of a concert, offline.

Exit codes: 0 done, and every code was admitted; 1 failed; 2 used wrongly; 3 at least one code was refused, or a ticket was used twice, or a seat by two tickets.`

// runHere is run at this machine's terminal and clock.
func runHere(ctx context.Context, args []string, out, errOut io.Writer) int {
	return run(ctx, program{in: os.Stdin, out: out, err: errOut, now: time.Now}, args)
}

// run is the program.
func run(ctx context.Context, p program, args []string) int {
	var c commands
	return cli.Run("gate", &c, args, p.out, p.err, func(parsed *kong.Context) error {
		parsed.BindTo(ctx, (*context.Context)(nil))
		parsed.Bind(&p, &c)
		return parsed.Run()
	}, kong.Description(description))
}

type fetchCommand struct {
	Concert string        `help:"Id of the concert." required:""`
	API     string        `help:"Address of the API, with /api." env:"API_BASE_URL" required:""`
	Timeout time.Duration `help:"Time for all requests together." default:"1m"`
}

// Validate implements kong's check of arguments.
func (c *fetchCommand) Validate() error {
	return errors.Join(validConcert(c.Concert), gate.Secure(c.API))
}

func validConcert(id string) error {
	if !contracts.ValidConcertID(id) {
		return fmt.Errorf("%q is no id of a concert", id)
	}
	return nil
}

// Run implements the command.
func (c *fetchCommand) Run(ctx context.Context, p *program, root *commands) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	data, err := gate.Fetch(ctx, gate.Source{API: c.API, Client: &http.Client{Timeout: c.Timeout}}, root.Data, c.Concert, p.now)
	if err != nil {
		return err
	}
	if data.KeptList {
		p.note("the list of the API is older than the stored one, which stays")
	}
	if root.JSON {
		return p.print(map[string]any{
			"concert": data.Concert, "revoked": len(data.Revocations.Codes), "revokedAt": data.Revocations.At, "keys": len(data.Keys), "folder": gate.Folder(root.Data, c.Concert),
		})
	}
	_, err = fmt.Fprintf(p.out, "%s, %s: %d seat groups, %d keys, %d revoked codes as of %s, stored in %s.\n",
		data.Concert.ID, data.Concert.Title, len(data.Layout.Groups), len(data.Keys), len(data.Revocations.Codes), data.Revocations.At, gate.Folder(root.Data, c.Concert))
	return err
}

type mergeCommand struct {
	Out   string   `help:"File for the merged entries, with which each gate can go on (gate check --entries)." required:""`
	Files []string `arg:"" help:"Files of entries, of one concert."`
}

// Run implements the command.
func (c *mergeCommand) Run(p *program, root *commands) error {
	merged, err := gate.Merge(c.Files)
	if err != nil {
		return err
	}
	if err := merged.Write(c.Out); err != nil {
		return err
	}
	if root.JSON {
		err = p.print(map[string]any{"entries": len(merged.Entries), "doubles": merged.Doubles, "seats": merged.Seats, "torn": merged.Torn})
	} else {
		err = p.report(merged, c.Out)
	}
	if err == nil && len(merged.Doubles)+len(merged.Seats) > 0 {
		err = cli.WithCode(refused, nil)
	}
	return err
}

func (p *program) report(m gate.Merged, out string) error {
	for _, double := range m.Doubles {
		for i, e := range double.Entries {
			what := "used again"
			if i == 0 {
				what = "counts"
			}
			if _, err := fmt.Fprintf(p.out, "seat %s: %s, gate %s: %s\n", e.Seat, e.At, e.Gate, what); err != nil {
				return err
			}
		}
	}
	for _, double := range m.Seats {
		for _, e := range double.Entries {
			if _, err := fmt.Fprintf(p.out, "seat %s: %s, gate %s: one of %d tickets of this seat, of which one at most is valid\n", e.Seat, e.At, e.Gate, len(double.Entries)); err != nil {
				return err
			}
		}
	}
	if m.Torn > 0 {
		if _, err := fmt.Fprintf(p.err, "%d files end in a line that was not written to its end, as in a crash; nobody was admitted by it\n", m.Torn); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.out, "%d entries in %s, %d tickets used more than once, %d seats entered with different tickets.\n", len(m.Entries), out, len(m.Doubles), len(m.Seats))
	return err
}

// print writes a value as one line of JSON.
func (p *program) print(v any) error { return json.NewEncoder(p.out).Encode(v) }
