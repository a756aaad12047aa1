package pack

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// setting returns the value of a variable as a process sees it: that of its last entry.
func setting(environment []string, name string) string {
	for _, variable := range slices.Backward(environment) {
		if value, found := strings.CutPrefix(variable, name+"="); found {
			return value
		}
	}
	return ""
}

func TestWhatDecidesTheResultIsFixed(t *testing.T) {
	o := module(t)
	file := filepath.Join(t.TempDir(), "env")
	write(t, file, "GOPROXY=https://proxy.example\nGONOSUMDB=one.example\nGOSUMDB=off\nGOPRIVATE=two.example\nGOFLAGS=-race\nGOFIPS140=latest\nGOEXPERIMENT=fieldtrack\nGOARM64=v9.0\n")
	given := append(slices.Clone(o.Environment), "GOENV="+file, "GOFLAGSX=kept", "GO111MODULE=off", "GODEBUG=gotypesalias=0", "GO_EXTLINK_ENABLED=1",
		"GOFIPS140=latest", "GOEXPERIMENT=fieldtrack", "GOWORK=/elsewhere/go.work", "GONOPROXY=three.example")
	got, err := buildEnvironment(t.Context(), o.Root, given)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		// The user's settings stay, from variables and from the file.
		"PATH": setting(given, "PATH"), "HOME": setting(given, "HOME"), "GOFLAGSX": "kept", "GOPROXY": "https://proxy.example", "GONOSUMDB": "one.example",
		"GOSUMDB": "off", "GOPRIVATE": "two.example", "GONOPROXY": "three.example",
		// Settings that change the result are replaced.
		"GOENV": "off", "GOOS": "linux", "GOARCH": "arm64", "GOARM64": "v8.0", "CGO_ENABLED": "0", "GOWORK": "off", "GOFIPS140": "off", "GOEXPERIMENT": "",
		"GOFLAGS": "-buildvcs=false -trimpath -tags=lambda.norpc", "GO111MODULE": "on", "GODEBUG": "", "GO_EXTLINK_ENABLED": "0",
	} {
		if value := setting(got, name); value != want {
			t.Errorf("%s=%s, want %q", name, value, want)
		}
	}
	seen := map[string]bool{}
	for _, variable := range got {
		name, _, _ := strings.Cut(variable, "=")
		if seen[name] && (slices.Contains(kept, name) || slices.ContainsFunc(fixed, func(f string) bool { return strings.HasPrefix(f, name+"=") })) {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
}

// The user's settings, in variables or in the file of `go env -w`, do not change a zip.
func TestSettingsOfTheUserReachNoZip(t *testing.T) {
	o := module(t)
	plain, err := Build(t.Context(), functions, o)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "env")
	for name, c := range map[string]struct{ file, variable string }{
		"a file with an experiment":     {file: "GOEXPERIMENT=fieldtrack\n"},
		"a file with FIPS 140":          {file: "GOFIPS140=latest\n"},
		"a variable with an experiment": {variable: "GOEXPERIMENT=fieldtrack"},
		"a variable with FIPS 140":      {variable: "GOFIPS140=latest"},
	} {
		write(t, file, c.file)
		set := o
		set.Environment = append(slices.Clone(o.Environment), "GOENV="+file)
		if c.variable != "" {
			set.Environment = append(set.Environment, c.variable)
		}
		built, err := Build(t.Context(), functions, set)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, a := range built {
			if a.SHA256 != plain[i].SHA256 {
				t.Errorf("%s is in the zip of %s", name, a.Function)
			}
		}
	}
}
