package main

import (
	"context"
	"fmt"

	"boxoffice/scripts/devstack/internal/install"
)

// nodeCommand prints where Node is, which only the site needs.
type nodeCommand struct {
	Present bool `help:"Install nothing: without a usable Node say why, and exit with code 1."`
}

func (c *nodeCommand) Run(ctx context.Context, a *app) error {
	installer := install.Installer{Root: a.root, Progress: a.progress, Environment: a.environment}
	if c.Present {
		folder, err := installer.FindNode(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.out, folder)
		return err
	}
	unlock, err := a.toolsLock()
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // the lock ends with the process
	folder, err := installer.Node(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, folder)
	return err
}
