package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"

	"boxoffice/scripts/internal/cli"
)

// run is the program. It returns when ctx ends or a part fails. Exit codes: 0 done, 1 failed, 2 used wrongly.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var o options
	return cli.Run("lambdahost", &o, args, stdout, stderr, func(*kong.Context) error {
		c, err := o.check()
		if err != nil {
			return err
		}
		h, err := start(ctx, c, environ, slog.New(slog.NewJSONHandler(stderr, nil)), stderr)
		if err != nil {
			return err
		}
		return h.serve(ctx)
	}, kong.Description("The local AWS Lambda: runs bootstrap binaries behind the Lambda Runtime API and invokes them from an HTTP API, FIFO queues, DynamoDB streams and schedules. AWS addresses, region and credentials come from the environment (AWS_ENDPOINT_URL, …)."))
}
