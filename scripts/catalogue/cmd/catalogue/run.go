package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/cli"
)

// commands is the command line.
type commands struct {
	ConcertsTable string `help:"Table of the concerts." env:"CONCERTS_TABLE" required:""`

	Load   loadCommand   `cmd:"" help:"Put the concerts of a file on sale, or change those that are stored. All mistakes in the files are reported before anything is written."`
	Cancel cancelCommand `cmd:"" help:"End the sale of a concert for good. No order is changed: open ones may still be paid until their holds end."`
}

type cancelCommand struct {
	Concert string `arg:"" help:"Id of the concert."`
	DryRun  bool   `help:"Only say what the concert is, and change nothing."`
	JSON    bool   `help:"Print what was done as JSON."`
}

// program is what the commands need.
type program struct {
	out, err io.Writer
	// connect returns the configuration of AWS.
	connect func(ctx context.Context) (aws.Config, error)
}

// connect takes address, region and credentials from the environment, as programs that use AWS do.
func connect(ctx context.Context) (aws.Config, error) { return awsclient.Load(ctx) }

// run is the program. Exit codes: 0 done, also where there was nothing to do, 1 failed, 2 used wrongly.
func run(ctx context.Context, p program, args []string) int {
	var c commands
	return cli.Run("catalogue", &c, args, p.out, p.err, func(parsed *kong.Context) error {
		parsed.BindTo(ctx, (*context.Context)(nil))
		parsed.Bind(&p, &c)
		return parsed.Run()
	}, kong.Description("Changes what is on sale."))
}

// Run implements the command.
func (c *cancelCommand) Run(ctx context.Context, p *program, root *commands) error {
	cfg, err := p.connect(ctx)
	if err != nil {
		return err
	}
	done, err := catalogue.Cancel(ctx, catalogue.Target{DynamoDB: dynamodb.NewFromConfig(cfg), ConcertsTable: root.ConcertsTable}, c.Concert, c.DryRun, time.Now)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(p.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(done)
	}
	_, err = fmt.Fprintln(p.out, sentence(done))
	return err
}

func sentence(c catalogue.Cancellation) string {
	switch {
	case !c.Changed:
		return fmt.Sprintf("%s was cancelled already, at %s; nothing was changed.", c.ConcertID, c.CancelledAt)
	case c.DryRun:
		return fmt.Sprintf("dry run: %s is %s and would be cancelled for good; nothing was changed.", c.ConcertID, c.Before)
	default:
		return fmt.Sprintf("%s, which was %s, is cancelled since %s: no order is taken from 10 s after that on. Open orders may still be paid until their holds end, and tickets stay valid.",
			c.ConcertID, c.Before, c.CancelledAt)
	}
}
