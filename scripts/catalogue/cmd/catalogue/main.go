// Command catalogue changes what is on sale: it loads and cancels concerts.
package main

import (
	"context"
	"io"

	"boxoffice/scripts/internal/cli"
)

func main() {
	cli.Main(func(ctx context.Context, args []string, out, errOut io.Writer) int {
		return run(ctx, program{out: out, err: errOut, connect: connect}, args)
	})
}
