package pack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"boxoffice/contracts/topology"
)

// sources are the files and folders that functions are built from, below the module's root.
var sources = []string{"go.mod", "go.sum", "contracts", "consumers", "producers"}

// Verify builds everything again, from a copy of the sources in another folder, and compares the bytes. Both builds share Go's
// build cache, so that it takes seconds. It so checks that compiled packages do not depend on the folder, as -trimpath promises.
// The error names all functions that differ.
func Verify(ctx context.Context, functions []topology.Function, built []Archive, o Options) error {
	copied, err := os.MkdirTemp("", "boxoffice-verify-")
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer os.RemoveAll(copied) //nolint:errcheck // a temporary folder
	again := o
	again.Root, again.Out = filepath.Join(copied, "another-root"), filepath.Join(copied, "out")
	if err := copySources(o.Root, again.Root); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	second, err := Build(ctx, functions, again)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	var problems []error
	for i, a := range built {
		// The file is read again: it may have changed since the build.
		sum, _, err := hashOf(a.Path)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("verify: %w", err))
		case sum != second[i].SHA256:
			problems = append(problems, fmt.Errorf("verify: function %s: built again it is %s and not %s", a.Function, second[i].SHA256, sum))
		}
	}
	return errors.Join(problems...)
}

func copySources(from, to string) error {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, name := range sources {
		source := filepath.Join(from, name)
		info, err := os.Stat(source)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return err
		case info.IsDir():
			if err := os.CopyFS(filepath.Join(to, name), os.DirFS(source)); err != nil {
				return err
			}
		default:
			content, err := os.ReadFile(source) //nolint:gosec // a file of the module
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
