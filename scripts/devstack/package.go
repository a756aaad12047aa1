package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/pack"
	"boxoffice/scripts/devstack/internal/stack"
)

type packageCommand struct {
	Out    string `help:"Folder for NAME.zip of each function (default .local/package)." type:"path" placeholder:"DIR"`
	Verify bool   `help:"Build everything once more from a copy in another folder, and fail unless the bytes are equal."`
	JSON   bool   `help:"Print a JSON array."`
}

// Run implements the command.
func (c *packageCommand) Run(ctx context.Context, a *app) error {
	specified, err := topology.Load()
	if err != nil {
		return err
	}
	o := pack.Options{Root: a.root, Out: c.Out, Environment: a.environment, Progress: a.progress}
	if o.Out == "" {
		o.Out = filepath.Join(stack.Local(a.root), "package")
	}
	archives, err := pack.Build(ctx, specified.Functions, o)
	if err != nil {
		return err
	}
	a.progress("%d zips in %s", len(archives), relative(a.root, o.Out))
	if c.Verify {
		if err := pack.Verify(ctx, specified.Functions, archives, o); err != nil {
			return err
		}
		a.progress("built twice, in two folders: equal bytes")
	}
	if c.JSON {
		return a.printJSON(archives)
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	// Flush reports an error of these.
	_, _ = fmt.Fprintln(table, "FUNCTION\tUNPACKED\tZIP\tSHA-256 OF THE ZIP")
	for _, one := range archives {
		_, _ = fmt.Fprintf(table, "%s\t%.1f MB\t%.1f MB\t%s\n", one.Function, megabytes(one.UnpackedBytes), megabytes(one.ZipBytes), one.SHA256)
	}
	return table.Flush()
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
