package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// run is the program. It returns the exit code when ctx ends or a part fails.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stdout, stderr)
	if errors.Is(err, errHelp) {
		return exitOK
	}
	var c config
	if err == nil {
		c, err = o.check()
	}
	var h *host
	if err == nil {
		h, err = start(ctx, c, environ, slog.New(slog.NewJSONHandler(stderr, nil)), stderr)
	}
	if err == nil {
		err = h.serve(ctx)
	}
	if err == nil {
		return exitOK
	}
	// If printing fails too, nothing is left to do.
	_, _ = fmt.Fprintln(stderr, "lambdahost:", err)
	var misuse configError
	if errors.As(err, &misuse) {
		return exitUsage
	}
	return exitFailure
}
