package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/stack"
)

// BuildFlags are the flags of every build and test, as the Makefile exports them: another set would compile the AWS SDK again.
// They apply where GOFLAGS is not set.
const BuildFlags = "-buildvcs=false -trimpath -tags=lambda.norpc"

// Tools of a stack that are built with the functions.
const (
	lambdahost   = "lambdahost"
	stripedouble = "stripedouble"
)

// Binaries are the programs that a stack runs.
type Binaries struct {
	// Functions is the folder with NAME/bootstrap for each function.
	Functions string
	// Lambdahost is the path of the local Lambda.
	Lambdahost string
	// Stripedouble is the path of the stand-in for Stripe, StripedoubleSum the hash of its contents.
	Stripedouble, StripedoubleSum string
	// Fingerprint changes when any of them does.
	Fingerprint string
}

// FunctionsFolder returns the folder of the built functions, which all stacks share.
func FunctionsFolder(root string) string { return filepath.Join(stack.Local(root), "bin") }

// Build builds lambdahost, the stand-in for Stripe and every function, each as NAME/bootstrap, the form in which it is deployed.
//
// It runs one go build, since several at once would compile their common packages twice. A binary is replaced by a rename, so
// that a running stack never sees part of a file.
func (i Installer) Build(ctx context.Context, functions []topology.Function) (Binaries, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return Binaries{}, MissingToolError{"go", "install the Go version that go.mod names"}
	}
	fresh := filepath.Join(stack.Local(i.Root), "build") + string(filepath.Separator)
	if err := os.MkdirAll(fresh, 0o750); err != nil {
		return Binaries{}, fmt.Errorf("build: %w", err)
	}
	command := []string{"go", "build", "-ldflags", "-s -w", "-o", fresh, "./scripts/" + lambdahost, "./scripts/" + stripedouble}
	for _, f := range functions {
		if f.Name == lambdahost || f.Name == stripedouble {
			return Binaries{}, fmt.Errorf("build: a function may not be called %s", f.Name)
		}
		command = append(command, "./"+f.Side+"/cmd/"+f.Name)
	}
	builder := i
	builder.Environment = withBuildFlags(i.Environment)
	if err := builder.run(ctx, command...); err != nil {
		return Binaries{}, fmt.Errorf("build: %w", err)
	}
	result := Binaries{Functions: FunctionsFolder(i.Root), Lambdahost: filepath.Join(stack.Local(i.Root), "tools", lambdahost)}
	all := sha256.New()
	publish := func(name, target string) error {
		sum, err := publishBinary(filepath.Join(fresh, name), target)
		// Writing to a hash never fails.
		_, _ = fmt.Fprintf(all, "%s %s\n", name, sum)
		return err
	}
	if err := publish(lambdahost, result.Lambdahost); err != nil {
		return Binaries{}, err
	}
	var err error
	result.Stripedouble = filepath.Join(stack.Local(i.Root), "tools", stripedouble)
	if result.StripedoubleSum, err = publishBinary(filepath.Join(fresh, stripedouble), result.Stripedouble); err != nil {
		return Binaries{}, err
	}
	for _, f := range functions {
		if err := publish(f.Name, filepath.Join(result.Functions, f.Name, "bootstrap")); err != nil {
			return Binaries{}, err
		}
	}
	result.Fingerprint = hex.EncodeToString(all.Sum(nil))
	return result, nil
}

// withBuildFlags adds the project's build flags to an environment that has none.
func withBuildFlags(environment []string) []string {
	flags, cgo := false, false
	for _, variable := range environment {
		flags = flags || strings.HasPrefix(variable, "GOFLAGS=") && variable != "GOFLAGS="
		cgo = cgo || strings.HasPrefix(variable, "CGO_ENABLED=")
	}
	out := append([]string{}, environment...)
	if !flags {
		out = append(out, "GOFLAGS="+BuildFlags)
	}
	if !cgo {
		out = append(out, "CGO_ENABLED=0")
	}
	return out
}

// publishBinary copies from to target if their contents differ, and returns the hash of the content. The output of the build
// stays in place: go build does not link again what exists and is up to date.
func publishBinary(from, target string) (string, error) {
	sum, err := fileHash(from)
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	if have, err := fileHash(target); err == nil && have == sum {
		return sum, nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	draft := target + ".new"
	if err := copyProgram(from, draft); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	if err := os.Rename(draft, target); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	return sum, nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // a file of the local folder
	if err != nil {
		return err
	}
	defer in.Close()                                                       //nolint:errcheck // only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o750) //nolint:gosec // a program must be executable
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func fileHash(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // a file of the local folder
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
