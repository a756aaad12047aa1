// Package boottest checks the config struct of each binary against the environment that the topology gives its function. The
// package of a binary has this test in config_test.go:
//
//	func TestConfig(t *testing.T) { boottest.Config(t, wire) }
package boottest

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"boxoffice/contracts/topology"
	"boxoffice/contracts/topology/topologytest"
	"boxoffice/contracts/warm"
	"boxoffice/producers/internal/boot"
)

// Config tests the function that has the name of the current folder. Its config reads exactly the variables that the topology
// names; wire builds the handler from a sample of their values; no error shows a secret.
func Config[C, R any](t *testing.T, wire func(boot.Process, C) (R, error)) {
	t.Helper()
	f := function(t)
	read, err := boot.Variables[C]()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range read {
		if _, named := f.Environment[name]; !named {
			t.Errorf("the config reads %s, which the topology does not name", name)
		}
	}
	for name := range f.Environment {
		if !slices.Contains(read, name) {
			t.Errorf("the topology names %s, which the config does not read", name)
		}
	}
	if err := Start(t, wire, nil); err != nil {
		t.Errorf("with a sample of its environment: %v", err)
	}
	for name, reference := range f.Environment {
		if !topology.IsSecret(reference) {
			continue
		}
		if err := Start(t, wire, map[string]string{name: "c4n4ry of a secret"}); err != nil && strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("the error about %s has its value: %v", name, err)
		}
	}
}

// Start builds the handler of the function that has the name of the current folder, from a sample of its environment with some
// variables changed.
func Start[C, R any](t *testing.T, wire func(boot.Process, C) (R, error), change map[string]string) error {
	t.Helper()
	vars, err := function(t).Resolve(topologytest.Values(specification(t)))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(vars, change)
	config, err := boot.ParseConfig[C](vars)
	if err != nil {
		return err
	}
	_, err = wire(boot.Process{
		Warm: &warm.Tasks{}, Random: strings.NewReader(""),
		Log: slog.New(slog.DiscardHandler), Now: time.Now, AWS: aws.Config{Region: "eu-central-1"},
	}, config)
	return err
}

func specification(t *testing.T) topology.Topology {
	t.Helper()
	specified, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	return specified
}

// function returns the function that has the name of the current folder.
func function(t *testing.T) topology.Function {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	f, found := specification(t).FunctionNamed(filepath.Base(folder))
	if !found {
		t.Fatalf("the topology has no function %s", filepath.Base(folder))
	}
	return f
}
