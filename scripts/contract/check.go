package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Files of the contract, relative to the module's root.
const (
	contractFile  = "contracts/openapi/openapi.yaml"
	changelogFile = "contracts/openapi/CHANGELOG.md"
	// severityFile says what oasdiff calls breaking and the rule in the changelog does not.
	severityFile = "contracts/openapi/severity.txt"
)

var atFile = regexp.MustCompile(`(?m)^(error|warning|info) at [^,]*, `)

// check compares the contract below root with the version before it. Where there is none, it prints why and returns nil.
func check(ctx context.Context, root, oasdiff string, out io.Writer) error {
	contract, err := os.ReadFile(filepath.Join(root, contractFile)) //nolint:gosec // a file of the project
	if err != nil {
		return err
	}
	changelog, err := os.ReadFile(filepath.Join(root, changelogFile)) //nolint:gosec // a file of the project
	if err != nil {
		return err
	}
	from, missing := before(ctx, root, contract)
	if missing != nil {
		_, err := fmt.Fprintf(out, "contract: not compared, since the version before is not there: %v\n", missing)
		return err
	}
	old, err := show(ctx, root, from, contractFile)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "contract")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	base := filepath.Join(folder, "before.yaml")
	if err := os.WriteFile(base, old, 0o600); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "contract: comparing with %s\n", from); err != nil {
		return err
	}
	current := filepath.Join(root, contractFile)
	compare := func(command string, more ...string) ([]byte, error) {
		arguments := append([]string{command, "--format", "singleline", "--color", "never", "--severity-levels", filepath.Join(root, severityFile)}, more...)
		found, err := run(ctx, oasdiff, append(arguments, base, current)...)
		// The place of each change begins with the path of a file of this machine.
		return bytes.TrimSpace(atFile.ReplaceAll(found, nil)), err
	}
	changes, err := compare("changelog")
	if err != nil {
		return err
	}
	breaking, broken := compare("breaking", "--fail-on", "ERR", "--err-ignore", filepath.Join(root, changelogFile))
	summary, _, _ := strings.Cut(string(changes), "\n")
	if _, err := fmt.Fprintf(out, "contract: %s\n", summary); err != nil {
		return err
	}
	var exit *exec.ExitError
	switch {
	case errors.As(broken, &exit) && exit.ExitCode() == 1:
		return fmt.Errorf("these changes break clients:\n%s\nkeep the old form beside the new one, or list each change in %s, beginning with \"in API\", with the reason", breaking, changelogFile)
	case broken != nil:
		return broken
	}
	oldLog, err := show(ctx, root, from, changelogFile)
	if err == nil && !bytes.HasPrefix(changes, []byte("No changes")) && bytes.Equal(oldLog, changelog) {
		return fmt.Errorf("the contract has changed and %s has not: say there what changed for a client", changelogFile)
	}
	_, err = fmt.Fprintln(out, "contract: no client breaks by a change that the changelog does not list")
	return err
}

// before returns the commit to compare with: the last one if the file has changed since, or else the one before the file's last
// change.
func before(ctx context.Context, root string, contract []byte) (string, error) {
	last, err := show(ctx, root, "HEAD", contractFile)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(last, contract) {
		return "HEAD", nil
	}
	changed, err := git(ctx, root, "log", "-1", "--format=%H", "--", contractFile)
	if err != nil {
		return "", err
	}
	from := strings.TrimSpace(string(changed)) + "^"
	_, err = show(ctx, root, from, contractFile)
	return from, err
}

func show(ctx context.Context, root, commit, file string) ([]byte, error) {
	// The path is relative to root, which need not be the root of the repository.
	return git(ctx, root, "show", commit+":./"+file)
}

func git(ctx context.Context, root string, arguments ...string) ([]byte, error) {
	return run(ctx, "git", append([]string{"-C", root}, arguments...)...)
}

// run returns the standard output, also of a command that fails. The error has what the command printed as an error.
func run(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // git, and the oasdiff that the caller names
	var failure bytes.Buffer
	command.Stderr = &failure
	output, err := command.Output()
	if err != nil {
		return output, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), arguments[0], err, bytes.TrimSpace(failure.Bytes()))
	}
	return output, nil
}
