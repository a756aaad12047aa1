// Command mutants plants bugs that are known to be harmful, one at a time, and says which of them no test finds (make
// mutants). A bug is a text of one file and its replacement; it is compiled in by an overlay, so that the tree is never
// changed, and only one package's tests run.
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
