package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/cli"
)

// arguments are those of the command line.
type arguments struct {
	JSON  bool   `help:"Print each event as the bus delivers it, one JSON object a line."`
	Order string `help:"Print the events of this order alone."`
}

// cleanUpWithin bounds the deletion of the rule and the queue after an interrupt.
const cleanUpWithin = 10 * time.Second

// run prints events until ctx ends, and returns the exit code. An interrupt is how the program is meant to end.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), out, errOut io.Writer) int {
	var a arguments
	return cli.Run("events", &a, args, out, errOut, func(*kong.Context) error {
		bus, found := lookup("BOXOFFICE_BUS")
		if !found || bus == "" {
			return errors.New(`BOXOFFICE_BUS is not set; use make events, or eval "$(make env)"`)
		}
		cfg, err := awsclient.Load(ctx)
		if err != nil {
			return err
		}
		t := tap{buses: eventbridge.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg), bus: bus, name: "events-" + strings.ToLower(rand.Text()[:12])}
		p := printer{out: out, json: a.JSON, order: a.Order}
		opened := t.open(ctx)
		defer func() {
			// ctx has ended by now.
			cleanUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpWithin)
			defer cancel()
			if err := t.close(cleanUp); err != nil {
				_, _ = fmt.Fprintf(errOut, "events: clean up: %v\n", err)
			}
		}()
		if opened == nil {
			_, _ = fmt.Fprintf(errOut, "events: listening on bus %s; end with Ctrl-C\n", bus)
			opened = t.read(ctx, p.print)
		}
		if ctx.Err() != nil {
			return nil
		}
		return opened
	}, kong.Description("Print the events of orders on the bus of a stack as they happen. A temporary rule sends them to a temporary queue; both are deleted at the end."))
}
