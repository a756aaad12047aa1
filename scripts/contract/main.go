// Command contract compares contracts/openapi/openapi.yaml with the version before it and fails if clients of that version would
// break, unless the changelog beside it lists the change. It runs oasdiff.
package main

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/moduleroot"
)

type options struct {
	Oasdiff string `help:"The program oasdiff." required:"" placeholder:"FILE" type:"existingfile"`
}

func main() {
	cli.Main(func(ctx context.Context, args []string, out, errOut io.Writer) int {
		var o options
		return cli.Run("contract", &o, args, out, errOut, func(*kong.Context) error {
			root, err := moduleroot.Find()
			if err != nil {
				return err
			}
			return check(ctx, root, o.Oasdiff, out)
		}, kong.Description("Compares the HTTP contract with the version before it. Exit codes: 0 no client breaks, or there is nothing to compare with; 1 a client breaks, or the changelog lacks an entry; 2 wrong usage."))
	})
}
