package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"boxoffice/scripts/gate"
	"boxoffice/scripts/internal/cli"
)

type checkCommand struct {
	Concert string        `help:"Id of the concert." required:""`
	Gate    string        `help:"Name of this gate, written into its entries." default:"gate" env:"GATE_NAME"`
	Entries string        `help:"File of the entries. Without it entries.jsonl in the folder of the concert."`
	MaxAge  time.Duration `help:"Age from which the list of revoked codes is old." default:"12h"`
	OldList string        `help:"What to do with an old list, or one of the future: warn, or refuse to start and to go on." enum:"warn,refuse" default:"warn"`
	// Cancelled concerts admit nobody by what the tickets say.
	CancelledToo bool   `help:"Check the tickets of a cancelled concert too."`
	From         string `arg:"" optional:"" help:"File with a code in each line; without it standard input."`
}

// Validate implements kong's check of arguments: an id with a slash would name a folder elsewhere.
func (c *checkCommand) Validate() error { return validConcert(c.Concert) }

// Run implements the command.
func (c *checkCommand) Run(ctx context.Context, p *program, root *commands) (err error) {
	watch, data, err := gate.NewWatch(root.Data, c.Concert)
	if err != nil {
		return err
	}
	current := currency{checkCommand: c, program: p, watch: watch}
	if err := current.begin(data); err != nil {
		return err
	}
	path := c.Entries
	if path == "" {
		path = filepath.Join(gate.Folder(root.Data, c.Concert), "entries.jsonl")
	}
	entries, torn, err := gate.Open(path, c.Gate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, entries.Close()) }()
	if torn > 0 {
		p.note("the last line of %s was not written to its end, as in a crash: %d bytes were removed, and nobody was admitted by them", path, torn)
	}
	in := p.in
	if c.From != "" {
		file, err := os.Open(c.From)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only read
		in = file
	}
	p.note("%s: %d tickets have entered", c.Concert, entries.Len())
	return current.loop(ctx, root.JSON, gate.New(data, entries, p.now), in)
}

// note writes a line for the operator, apart from the results.
func (p *program) note(format string, args ...any) {
	// A gate goes on where its notes cannot be printed.
	_, _ = fmt.Fprintf(p.err, format+"\n", args...)
}

// loop checks each line as it comes.
func (c *currency) loop(ctx context.Context, asJSON bool, g *gate.Gate, in io.Reader) error {
	p := c.program
	begun, checked, turned := p.now(), 0, 0
	scanned := scan(ctx, in)
	for ctx.Err() == nil {
		line, err := scanned(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if err := c.renew(g); err != nil {
			return err
		}
		r, err := g.Check(line)
		if err != nil {
			return err
		}
		checked++
		if !r.Admitted {
			turned++
		}
		if err := p.say(r, asJSON); err != nil {
			return err
		}
	}
	took := p.now().Sub(begun)
	p.note("%d codes, %d admitted, %d refused, in %s (%.0f a second)", checked, checked-turned, turned, took.Round(time.Millisecond), float64(checked)/max(took.Seconds(), 1e-6))
	if turned > 0 {
		return cli.WithCode(refused, nil)
	}
	return nil
}

func (p *program) say(r gate.Result, asJSON bool) error {
	if asJSON {
		return p.print(r)
	}
	word := "OK     "
	if !r.Admitted {
		word = "REFUSED"
	}
	_, err := fmt.Fprintf(p.out, "%s %s\n", word, r.Detail)
	return err
}

// scan reads lines in the background, so that an interrupt ends a gate that waits for its scanner. The returned function returns the
// next line.
func scan(ctx context.Context, in io.Reader) func(context.Context) (string, error) {
	type read struct {
		line string
		err  error
	}
	reads := make(chan read)
	go func() {
		lines := newLines(in)
		for {
			line, err := lines.next()
			select {
			case reads <- read{line, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func(ctx context.Context) (string, error) {
		select {
		case r := <-reads:
			return r.line, r.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// maxLine bounds a line in bytes. The rest of a longer line is dropped; a ticket has 120 characters and some of a scanner's.
const maxLine = 4 << 10

// lines reads lines that end in LF, CR or both, as scanners send them. It leaves out empty ones.
type lines struct{ in *bufio.Reader }

func newLines(in io.Reader) lines { return lines{bufio.NewReader(in)} }

// next returns a line as soon as its end has come. The last line of a file may have no end.
func (l lines) next() (string, error) {
	var line []byte
	for {
		b, err := l.in.ReadByte()
		switch {
		case err != nil && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		case b == '\r' || b == '\n':
			if len(line) > 0 {
				return string(line), nil
			}
		case len(line) < maxLine:
			line = append(line, b)
		}
	}
}
