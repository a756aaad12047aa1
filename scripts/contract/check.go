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
	"strconv"
	"strings"
	"time"
)

// Files of the contract, relative to the module's root.
const (
	contractFile  = "contracts/openapi/openapi.yaml"
	changelogFile = "contracts/openapi/CHANGELOG.md"
	// severityFile says what oasdiff calls breaking and the rule in the changelog does not.
	severityFile = "contracts/openapi/severity.txt"
)

// maxVersions bounds how many earlier versions of the contract are compared.
const maxVersions = 10

var atFile = regexp.MustCompile(`(?m)^(error|warning|info)( at [^,]*)?, `)

// checker compares the contract below root with the versions before it.
type checker struct {
	root, oasdiff string
	out           io.Writer
	// scratch is a temporary folder.
	scratch string
}

// check compares the contract below root with the version before it, and with those before that one since there is a changelog:
// several commits may be checked as one. Where there is none, it prints why and returns nil.
func check(ctx context.Context, root, oasdiff string, out io.Writer) error {
	contract, err := os.ReadFile(filepath.Join(root, contractFile)) //nolint:gosec // a file of the project
	if err != nil {
		return err
	}
	changelog, err := os.ReadFile(filepath.Join(root, changelogFile)) //nolint:gosec // a file of the project
	if err != nil {
		return err
	}
	deepenErr := deepen(ctx, root)
	versions, missing := before(ctx, root, contract)
	if len(versions) == 0 {
		_, err := fmt.Fprintf(out, "contract: not compared, since the version before is not there: %v\n", errors.Join(missing, deepenErr))
		return err
	}
	if deepenErr != nil {
		if _, err := fmt.Fprintf(out, "contract: not every earlier version is there: %v\n", deepenErr); err != nil {
			return err
		}
	}
	c := checker{root: root, oasdiff: oasdiff, out: out}
	if c.scratch, err = os.MkdirTemp("", "contract"); err != nil {
		return err
	}
	defer os.RemoveAll(c.scratch) //nolint:errcheck // a temporary folder
	for i, from := range versions {
		changed, err := c.compare(ctx, from)
		if err != nil {
			return err
		}
		oldLog, noLog := show(ctx, root, from, changelogFile)
		if i == 0 && changed && noLog == nil && bytes.Equal(oldLog, changelog) {
			return fmt.Errorf("the contract has changed and %s has not: say there what changed for a client", changelogFile)
		}
	}
	_, err = fmt.Fprintln(out, "contract: no client breaks by a change that the changelog does not list")
	return err
}

// compare returns whether the contract of a commit differs from the current one, and an error if the difference breaks clients.
func (c checker) compare(ctx context.Context, from string) (changed bool, err error) {
	old, err := show(ctx, c.root, from, contractFile)
	if err != nil {
		return false, err
	}
	base := filepath.Join(c.scratch, "before.yaml")
	if err := os.WriteFile(base, old, 0o600); err != nil {
		return false, err
	}
	changes, err := c.run(ctx, "changelog", base)
	if err != nil {
		return false, err
	}
	breaking, broken := c.run(ctx, "breaking", base, "--fail-on", "ERR", "--err-ignore", filepath.Join(c.root, changelogFile))
	summary, _, _ := strings.Cut(string(changes), "\n")
	if _, err := fmt.Fprintf(c.out, "contract: compared with %s: %s\n", from, summary); err != nil {
		return false, err
	}
	var exit *exec.ExitError
	if errors.As(broken, &exit) && exit.ExitCode() == 1 {
		return true, fmt.Errorf("these changes since %s break clients:\n%s\nkeep the old form beside the new one, or list each change in %s, beginning with \"in API\", with the reason", from, breaking, changelogFile)
	}
	return !bytes.HasPrefix(changes, []byte("No changes")), broken
}

// run runs a command of oasdiff on a version and the current one, and returns what it found. The place of each change, which
// begins with the path of a file of this machine, is left out.
func (c checker) run(ctx context.Context, command, base string, more ...string) ([]byte, error) {
	arguments := append([]string{command, "--format", "singleline", "--color", "never", "--severity-levels", filepath.Join(c.root, severityFile)}, more...)
	found, err := run(ctx, c.oasdiff, append(arguments, base, filepath.Join(c.root, contractFile))...)
	return bytes.TrimSpace(atFile.ReplaceAll(found, nil)), err
}

// deepen fetches the history of a shallow clone, which ends before the version to compare with. It returns why it cannot.
func deepen(ctx context.Context, root string) error {
	if !isShallow(ctx, root) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	_, err := git(ctx, root, "fetch", "--quiet", "--unshallow")
	// Without an origin git fetches nothing, and that is no error of its own.
	if err != nil || isShallow(ctx, root) {
		return errors.Join(errors.New("the clone is shallow, and its history cannot be fetched (git fetch --unshallow)"), err)
	}
	return nil
}

// isShallow is false where there is no repository, which has nothing to fetch.
func isShallow(ctx context.Context, root string) bool {
	shallow, err := git(ctx, root, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(string(shallow)) == "true"
}

// fetchWithin bounds the fetch of the history.
const fetchWithin = time.Minute

// before returns the commits to compare with, the newest first: the last one if the file has changed since, and then the one
// before each change of the file. A merge is one change, with all that its branch has changed. Only commits with a changelog
// count, except for the first.
func before(ctx context.Context, root string, contract []byte) (commits []string, err error) {
	last, err := show(ctx, root, "HEAD", contractFile)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(last, contract) {
		commits = append(commits, "HEAD")
	}
	changed, err := git(ctx, root, "log", "--first-parent", "--max-count", strconv.Itoa(maxVersions), "--format=%H", "--", contractFile)
	if err != nil {
		return commits, err
	}
	for commit := range strings.FieldsSeq(string(changed)) {
		from := commit + "^"
		if _, err = show(ctx, root, from, contractFile); err != nil {
			return commits, err
		}
		if _, noLog := show(ctx, root, from, changelogFile); noLog != nil && len(commits) > 0 {
			return commits, nil //nolint:nilerr // the rule began with the changelog
		}
		commits = append(commits, from)
	}
	return commits, nil
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
