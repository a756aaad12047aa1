package pack

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"boxoffice/scripts/devstack/internal/install"
)

// fixed are all variables of the Go command that change the result. GOENV=off excludes the user's file of `go env -w`. An empty
// variable would not: the Go command treats it as unset.
var fixed = []string{
	"CGO_ENABLED=0", "GO111MODULE=on", "GOARCH=arm64", "GOARM64=v8.0", "GODEBUG=", "GOENV=off", "GOEXPERIMENT=", "GOFIPS140=off",
	"GOFLAGS=" + install.BuildFlags, "GOOS=linux", "GOWORK=off", "GO_EXTLINK_ENABLED=0",
}

// kept are the settings of the user that change no byte of the result: where modules and the toolchain that go.mod names come
// from, how they are verified, and where they are stored.
var kept = []string{
	"GOAUTH", "GOCACHE", "GOCACHEPROG", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE", "GOPROXY", "GOSUMDB",
	"GOTMPDIR", "GOTOOLCHAIN", "GOVCS",
}

// buildEnvironment returns the given environment with the settings kept and fixed, for a build at a root. It asks the Go command
// for the settings kept, since they may be in the user's file.
func buildEnvironment(ctx context.Context, root string, environment []string) ([]string, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, kept...)...) //nolint:gosec // fixed names
	// GOENV stays as it is: it names the user's file.
	command.Dir, command.Env = root, with(environment, slices.DeleteFunc(slices.Clone(fixed), func(f string) bool { return f == "GOENV=off" }))
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("package: go env: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, fmt.Errorf("package: go env: %w", err)
	}
	var set []string
	for _, name := range kept {
		if settings[name] != "" {
			set = append(set, name+"="+settings[name])
		}
	}
	return with(with(environment, set), fixed), nil
}

// with returns the environment with the variables added or replaced.
func with(environment, variables []string) []string {
	out := slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(variables, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	})
	return append(out, variables...)
}
