// Package install installs what a stack needs: the emulator in a virtual environment, redis-server, and the built functions.
// Everything is below the local folder, except system packages, which it installs only as root and reports.
package install

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"boxoffice/scripts/devstack/internal/stack"
)

// Installer works in one checkout of the module. Only one may work at a time: the caller must hold a lock.
type Installer struct {
	Root string
	// Progress is called with a line for each step.
	Progress func(format string, args ...any)
	// Environment is the environment of the commands.
	Environment []string
}

// MissingToolError names a missing program and how to install it.
type MissingToolError struct{ Tool, Remedy string }

func (e MissingToolError) Error() string { return e.Tool + " is missing: " + e.Remedy }

// Redis installs redis-server if it is missing, and returns its path.
func (i Installer) Redis(ctx context.Context) (string, error) {
	const program = "redis-server"
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if err := i.systemPackage(ctx, program); err != nil {
		return "", MissingToolError{program, "install Redis 7 or newer, on Debian by `apt-get install redis-server` (" + err.Error() + ")"}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", MissingToolError{program, "it was installed but is not in PATH"}
	}
	return path, nil
}

var errNotRoot = errors.New("not done here, since this is not root or has no apt-get")

func (i Installer) systemPackage(ctx context.Context, name string) error {
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return errNotRoot
	}
	i.Progress("%s: installing the system package by apt-get", name)
	install := []string{"apt-get", "install", "-y", "--no-install-recommends", name}
	if i.run(ctx, install...) == nil {
		return nil
	}
	// On a new machine the package lists are empty or old.
	if err := i.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	return i.run(ctx, install...)
}

// Ministack installs the pinned version of the emulator into the virtual environment if it is missing, and returns its path.
func (i Installer) Ministack(ctx context.Context) (string, error) {
	environment := filepath.Join(stack.Local(i.Root), "venv")
	binary, stamp := filepath.Join(environment, "bin", "ministack"), filepath.Join(environment, "requirements.sha256")
	requirements := filepath.Join(i.Root, "scripts", "devstack", "requirements.txt")
	content, err := os.ReadFile(requirements) //nolint:gosec // a file of the project
	if err != nil {
		return "", fmt.Errorf("pinned versions: %w", err)
	}
	sum := sha256.Sum256(content)
	want := hex.EncodeToString(sum[:])
	have, err := os.ReadFile(stamp) //nolint:gosec // a file of the local folder
	if _, statErr := os.Stat(binary); err == nil && statErr == nil && string(have) == want {
		return binary, nil
	}
	if err := i.virtualEnvironment(ctx, environment); err != nil {
		return "", err
	}
	i.Progress("ministack: installing the pinned packages by pip")
	if err := i.run(ctx, filepath.Join(environment, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements); err != nil {
		return "", fmt.Errorf("install the emulator (needs a Python package index): %w", err)
	}
	return binary, stack.WriteFile(stamp, []byte(want))
}

func (i Installer) virtualEnvironment(ctx context.Context, path string) error {
	if _, err := exec.LookPath("python3"); err != nil {
		if err := i.systemPackage(ctx, "python3"); err != nil {
			return MissingToolError{"python3", "install Python 3.10 or newer, on Debian by `apt-get install python3 python3-venv` (" + err.Error() + ")"}
		}
	}
	create := []string{"python3", "-m", "venv", "--clear", path}
	i.Progress("python: making a virtual environment in %s", relative(i.Root, path))
	err := i.run(ctx, create...)
	if err == nil {
		return nil
	}
	// Debian's python3 does not include the module venv.
	if i.systemPackage(ctx, "python3-venv") != nil {
		return fmt.Errorf("make a virtual environment (on Debian it needs `apt-get install python3-venv`): %w", err)
	}
	return i.run(ctx, create...)
}

// outputTail bounds how much of a failed command's output is in the error, in bytes.
const outputTail = 2000

// run runs a command without a terminal. Its output is shown only if it fails.
func (i Installer) run(ctx context.Context, command ...string) error {
	var out bytes.Buffer
	c := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // commands of this package
	c.Dir, c.Stdout, c.Stderr = i.Root, &out, &out
	c.Env = append(slices.Clone(i.Environment), "DEBIAN_FRONTEND=noninteractive")
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, tail(out.Bytes()))
	}
	return nil
}

func tail(output []byte) []byte {
	output = bytes.TrimSpace(output)
	if len(output) <= outputTail {
		return output
	}
	return append([]byte("…"), output[len(output)-outputTail:]...)
}

func relative(root, path string) string {
	if r, err := filepath.Rel(root, path); err == nil {
		return r
	}
	return path
}
