// Command stripedouble stands in for Stripe on this machine: PaymentIntents with manual capture, refunds, events and
// signed webhooks, stateful and strict. README.md says what it knows and how it is held to Stripe.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
