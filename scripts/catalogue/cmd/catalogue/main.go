// Command catalogue changes what is on sale: it cancels concerts.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, program{out: os.Stdout, err: os.Stderr, connect: connect}, os.Args[1:])
	stop()
	os.Exit(code)
}
