// Command gate checks tickets at the entrance of a concert, offline.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"boxoffice/scripts/internal/cli"
)

func main() {
	cli.Main(func(ctx context.Context, args []string, out, errOut io.Writer) int {
		return run(ctx, program{in: os.Stdin, out: out, err: errOut, now: time.Now}, args)
	})
}
