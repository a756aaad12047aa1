// Command lambdahost is the local AWS Lambda: it runs the real bootstrap binaries behind the Lambda Runtime API and
// invokes them from an HTTP API, FIFO queues, DynamoDB streams and schedules, as the topology says.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
