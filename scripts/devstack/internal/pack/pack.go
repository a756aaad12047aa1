// Package pack builds what is deployed: a zip of each function with the file bootstrap for Lambda's arm64 runtime
// provided.al2023. The same sources and version of Go give the same bytes on any machine, in any folder, at any time and with any
// settings of the user, so that a deployment changes only the functions that have changed.
package pack

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"boxoffice/contracts/topology"
)

// MaxUnpackedBytes bounds a function's binary: a larger one takes longer to start.
const MaxUnpackedBytes = 15_000_000

// ldflags leave out symbols, debugging data and the build's id, which differs between machines with different caches.
const ldflags = "-s -w -buildid="

// Options of Build. All are required but MaxBytes.
type Options struct {
	// Root is the module's root, with {side}/cmd/{name} of each function.
	Root string
	// Out is the folder for {name}.zip of each function. Every other zip in it is deleted.
	Out string
	// Environment is the environment of the Go command, except for the variables that change the result.
	Environment []string
	Progress    func(format string, args ...any)
	// MaxBytes bounds a binary. Default MaxUnpackedBytes.
	MaxBytes int64
}

// Archive is the zip of one function.
type Archive struct {
	Function      string `json:"function"`
	Path          string `json:"path"`
	UnpackedBytes int64  `json:"unpackedBytes"`
	ZipBytes      int64  `json:"zipBytes"`
	SHA256        string `json:"sha256"`
}

// Build builds all functions and writes their zips. If a binary does not compile, is too large or is for another architecture, no
// zip is written, and the error names all such functions.
func Build(ctx context.Context, functions []topology.Function, o Options) ([]Archive, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = MaxUnpackedBytes
	}
	binaries, err := os.MkdirTemp("", "boxoffice-package-")
	if err != nil {
		return nil, fmt.Errorf("package: %w", err)
	}
	defer os.RemoveAll(binaries) //nolint:errcheck // a temporary folder
	if err := compile(ctx, functions, binaries, o); err != nil {
		return nil, err
	}
	var problems []error
	for _, f := range functions {
		problems = append(problems, check(f.Name, filepath.Join(binaries, f.Name), o.MaxBytes))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Out, 0o750); err != nil {
		return nil, fmt.Errorf("package: %w", err)
	}
	var all []Archive
	for _, f := range functions {
		a, err := archive(f.Name, filepath.Join(binaries, f.Name), filepath.Join(o.Out, f.Name+".zip"))
		if err != nil {
			return nil, fmt.Errorf("package: function %s: %w", f.Name, err)
		}
		all = append(all, a)
	}
	return all, removeOthers(o.Out, all)
}

// compile runs one go build, since several at once would compile their common packages twice.
func compile(ctx context.Context, functions []topology.Function, to string, o Options) error {
	arguments := []string{"build", "-ldflags", ldflags, "-o", to + string(filepath.Separator)}
	for _, f := range functions {
		arguments = append(arguments, "./"+f.Side+"/cmd/"+f.Name)
	}
	o.Progress("building %d functions for linux/arm64 (the first time compiles everything for it, which takes some minutes)", len(functions))
	environment, err := buildEnvironment(ctx, o.Root, o.Environment)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // names of the specification
	command.Dir, command.Env = o.Root, environment
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("package: go build: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// check refuses a binary that Lambda could not run, or would start too slowly.
func check(name, binary string, limit int64) error {
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("package: function %s: %w", name, err)
	}
	if info.Size() > limit {
		return fmt.Errorf("package: function %s is %d bytes unpacked, and at most %d are allowed", name, info.Size(), limit)
	}
	program, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("package: function %s: %w", name, err)
	}
	defer program.Close() //nolint:errcheck // only read
	if program.Machine != elf.EM_AARCH64 {
		return fmt.Errorf("package: function %s is for %s, not for arm64", name, program.Machine)
	}
	return nil
}

func removeOthers(folder string, keep []Archive) error {
	found, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil {
		return fmt.Errorf("package: %w", err)
	}
	for _, path := range found {
		if !slices.ContainsFunc(keep, func(a Archive) bool { return a.Path == path }) {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("package: delete the zip of a function that no longer exists: %w", err)
			}
		}
	}
	return nil
}

func hashOf(path string) (sum string, size int64, err error) {
	file, err := os.Open(path) //nolint:gosec // a file of this package
	if err != nil {
		return "", 0, err
	}
	defer file.Close() //nolint:errcheck // only read
	hash := sha256.New()
	size, err = io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), size, err
}
