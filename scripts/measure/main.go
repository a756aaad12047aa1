// Command measure prints what Boxoffice does on this machine: orders decided a second with 1 and with 32 seat groups, the
// CPU time of each process for an order, the floor that the same calls have in a bare loop, and for each function its
// size and the time to its first answer. It needs a stack of its own (make measure).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
