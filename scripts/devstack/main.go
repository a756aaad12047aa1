// Command devstack runs a whole Boxoffice on one machine: an AWS emulator, Redis, and the functions that would be
// deployed, built from the same sources and the same topology.
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
