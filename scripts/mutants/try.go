package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// outcome of a mutant.
type outcome string

const (
	// found: the test that must fail has failed.
	found outcome = "found"
	// foundElsewhere: that test passes and another test of the package fails.
	foundElsewhere outcome = "found by another test"
	// survived: every test of the package passes.
	survived outcome = "SURVIVED"
	// notOnce: the text is not in the file exactly once.
	notOnce outcome = "TEXT NOT FOUND ONCE"
	// notCompiled: the replacement does not compile.
	notCompiled outcome = "DOES NOT COMPILE"
	// notTried: the time was over, or an error of another kind prevented the try.
	notTried outcome = "NOT TRIED"
)

const (
	// testTimeout ends a test that the bug makes wait for ever, which counts as a failure.
	testTimeout = 90 * time.Second
	// killGrace bounds how long a test binary may take to end after testTimeout.
	killGrace = 10 * time.Second
)

// result is the result of trying one mutant.
type result struct {
	mutant
	Outcome outcome `json:"outcome"`
	// By are the tests that failed; of a test with subtests, the subtests.
	By      []string `json:"by,omitempty"`
	Detail  string   `json:"detail,omitempty"`
	Seconds float64  `json:"seconds"`
}

// tryAll tries mutants, up to jobs at once. Before that it checks that their tests pass without them.
func tryAll(ctx context.Context, root string, mutants []mutant, jobs int, progress func(string, ...any)) (report, error) {
	begun := time.Now()
	scratch, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return report{}, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	progress("running the tests of %d mutants without them", len(mutants))
	if err := unharmed(ctx, root, mutants); err != nil {
		return report{}, err
	}
	r := report{Mutants: make([]result, len(mutants))}
	var running sync.WaitGroup
	next := make(chan int)
	for range jobs {
		running.Go(func() {
			for i := range next {
				from := time.Now()
				t := try{mutant: mutants[i], root: root, scratch: filepath.Join(scratch, fmt.Sprint(i))}
				r.Mutants[i] = t.run(ctx)
				r.Mutants[i].Seconds = time.Since(from).Seconds()
				progress("%s: %s: %s", r.Mutants[i].Outcome, mutants[i].Package, mutants[i].Name)
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	running.Wait()
	r.Seconds = time.Since(begun).Seconds()
	return r, nil
}

// unharmed runs the tests that must find the mutants, without the mutants. A test that fails anyway or is skipped is an error: it
// could find nothing.
func unharmed(ctx context.Context, root string, mutants []mutant) error {
	tests := map[string]map[string]bool{}
	for _, m := range mutants {
		name, _, _ := strings.Cut(m.Test, "/")
		if tests[m.Package] == nil {
			tests[m.Package] = map[string]bool{}
		}
		tests[m.Package][name] = true
	}
	var failed []error
	for _, folder := range slices.Sorted(maps.Keys(tests)) {
		names := slices.Sorted(maps.Keys(tests[folder]))
		out, err := command(ctx, root, "go", "test", "-v", "-run", "^("+strings.Join(names, "|")+")$", "./"+folder)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s fails without a mutant: %w\n%s", folder, err, tail(out)))
			continue
		}
		for _, name := range names {
			if !bytes.Contains(out, []byte("\n--- PASS: "+name+" (")) {
				failed = append(failed, fmt.Errorf("%s: %s did not run: there is no such test, or it is skipped for want of a tool (make tools)", folder, name))
			}
		}
	}
	return errors.Join(failed...)
}

// try is the try of one mutant.
type try struct {
	mutant
	root, scratch string
}

func (t try) run(ctx context.Context) result {
	r := result{mutant: t.mutant}
	binary, err := t.build(ctx)
	var unbuilt *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.Outcome, r.Detail = notTried, context.Cause(ctx).Error()
		return r
	case errors.Is(err, errNotOnce):
		r.Outcome, r.Detail = notOnce, err.Error()
		return r
	case errors.As(err, &unbuilt):
		r.Outcome, r.Detail = notCompiled, err.Error()
		return r
	case err != nil:
		r.Outcome, r.Detail = notTried, err.Error()
		return r
	}
	defer func() { _ = os.RemoveAll(t.scratch) }()
	for _, step := range []struct {
		pattern string
		outcome outcome
	}{{patternOf(t.Test), found}, {".", foundElsewhere}} {
		out, err := t.test(ctx, binary, step.pattern)
		if ctx.Err() != nil {
			r.Outcome, r.Detail = notTried, context.Cause(ctx).Error()
			return r
		}
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			r.Outcome, r.By = step.outcome, failedIn(out)
			return r
		}
		if err != nil {
			r.Outcome, r.Detail = notTried, err.Error()
			return r
		}
	}
	r.Outcome = survived
	return r
}

// build builds the package's test binary with the bug. The overlay also replaces files that the package embeds.
func (t try) build(ctx context.Context) (binary string, err error) {
	text, err := t.planted(t.root)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(t.scratch, 0o700); err != nil {
		return "", err
	}
	file, overlay := filepath.Join(t.scratch, filepath.Base(t.File)), filepath.Join(t.scratch, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(t.root, t.File): file}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(file, text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	binary = filepath.Join(t.scratch, "mutant.test")
	out, err := command(ctx, t.root, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./"+t.Package)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, tail(out))
	}
	if _, err := os.Stat(binary); err != nil {
		// For a package without tests the compiler writes no binary.
		return "", errNoTests
	}
	return binary, nil
}

// errNoTests means that the package has no test that could find the bug.
var errNoTests = errors.New("its package has no test")

// test runs the tests that match the pattern, in their package's folder as go test does.
func (t try) test(ctx context.Context, binary, pattern string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, testTimeout+killGrace)
	defer cancel()
	flags := []string{"-test.run", pattern, "-test.count=1", "-test.failfast", "-test.v", "-test.timeout", testTimeout.String()}
	folder := filepath.Join(t.root, t.Package)
	if _, err := command(ctx, folder, binary, "-test.run", "^$", noFailureFiles); err == nil {
		flags = append(flags, noFailureFiles)
	}
	return command(ctx, folder, binary, flags...)
}

// noFailureFiles keeps property tests from writing files with failing inputs into their package. Binaries without such tests do
// not know the flag.
const noFailureFiles = "-rapid.nofailfile"

// patternOf returns the pattern that matches only the test with this name.
func patternOf(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_")) + "$"
	}
	return strings.Join(parts, "/")
}

var failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failedIn returns the failed tests in the output: of a test with failed subtests, only the subtests.
func failedIn(out []byte) []string {
	var all []string
	for _, match := range failLine.FindAllSubmatch(out, -1) {
		all = append(all, string(match[1]))
	}
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
}

// command runs a program in a folder and returns what it printed.
func command(ctx context.Context, folder, program string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, program, args...) //nolint:gosec // go, and the binaries that it builds
	c.Dir = folder
	// Do not wait for children of a killed program that keep its outputs open.
	c.WaitDelay = time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// tail returns the last lines of a program's output, which tell what failed.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(len(lines)-20, 0):], "\n")
}
