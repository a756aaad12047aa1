// Command stripedouble is a strict, stateful double of Stripe for tests and local stacks: PaymentIntents with manual capture,
// refunds, events and signed webhooks. README.md says what it implements and how it is compared with Stripe.
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
