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

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/gate"
	"boxoffice/scripts/internal/cli"
)

type checkCommand struct {
	Concert string        `help:"Id of the concert." required:""`
	Gate    string        `help:"Name of this gate, written into its entries." default:"gate" env:"GATE_NAME"`
	Entries string        `help:"File of the entries. Without it entries.jsonl in the folder of the concert."`
	MaxAge  time.Duration `help:"Age from which the list of revoked codes is old." default:"12h"`
	OldList string        `help:"What to do with an old list: warn or refuse to start." enum:"warn,refuse" default:"warn"`
	From    string        `arg:"" optional:"" help:"File with a code in each line; without it standard input."`
}

// Run implements the command.
func (c *checkCommand) Run(ctx context.Context, p *program, root *commands) (err error) {
	data, err := gate.Load(root.Data, c.Concert)
	if err != nil {
		return err
	}
	if err := c.age(p, data); err != nil {
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
	return c.loop(ctx, p, root.JSON, gate.New(data, entries, p.now), in)
}

// age says how old the fetched data is, and refuses an old list if that is wanted.
func (c *checkCommand) age(p *program, data gate.Data) error {
	now := contracts.InstantOf(p.now())
	age := now.Sub(data.Revocations.At)
	p.note("the list of revoked codes is as of %s, %s ago", data.Revocations.At, age.Round(time.Second))
	if now.Sub(data.FetchedAt) > ticketcode.PublishedBefore {
		p.note("warning: the keys were fetched %s ago; after %s tickets may have a newer key: run gate fetch", now.Sub(data.FetchedAt).Round(time.Minute), ticketcode.PublishedBefore)
	}
	if age < -time.Minute {
		p.note("warning: the list is of the future: the clock of this machine is wrong, and so are the times of entries")
	}
	if data.Concert.Status == "cancelled" {
		p.note("warning: the concert was cancelled")
	}
	if age <= c.MaxAge {
		return nil
	}
	if c.OldList == "refuse" {
		return fmt.Errorf("the list of revoked codes is %s old, over --max-age %s: run gate fetch, or use --old-list warn", age.Round(time.Minute), c.MaxAge)
	}
	p.note("warning: the list of revoked codes is old: a ticket that was returned since is admitted")
	return nil
}

// note writes a line for the operator, apart from the results.
func (p *program) note(format string, args ...any) {
	// A gate goes on where its notes cannot be printed.
	_, _ = fmt.Fprintf(p.err, format+"\n", args...)
}

// loop checks each line as it comes.
func (c *checkCommand) loop(ctx context.Context, p *program, asJSON bool, g *gate.Gate, in io.Reader) error {
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
