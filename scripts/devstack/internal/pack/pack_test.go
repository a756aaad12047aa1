package pack

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

// functions of a module that compiles fast, since its packages import nothing.
var functions = []topology.Function{{Name: "one", Side: "consumers"}, {Name: "two", Side: "producers"}}

// module writes that module into a folder.
func module(t *testing.T) Options {
	t.Helper()
	root := t.TempDir()
	for path, content := range map[string]string{
		"go.mod":                    "module boxoffice\n\ngo 1.26\n",
		"consumers/cmd/one/main.go": "package main\n\nfunc main() { println(\"one\") }\n",
		"producers/cmd/two/main.go": "package main\n\nfunc main() { println(\"two\"); panic(\"a stack has file names\") }\n",
		"scripts/other/main.go":     "package main\n\nfunc main() { this does not compile }\n",
	} {
		write(t, filepath.Join(root, path), content)
	}
	// The user's settings must not change the result.
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GO") && !strings.HasPrefix(v, "GOCACHE") && !strings.HasPrefix(v, "GOPATH")
	})
	environment = append(environment, "GOARCH=amd64", "GOFLAGS=-race", "CGO_ENABLED=1", "GOOS=darwin")
	return Options{Root: root, Out: filepath.Join(root, "out"), Environment: environment, Progress: t.Logf}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestEachZipHasItsFunctionForLambda(t *testing.T) {
	o := module(t)
	write(t, filepath.Join(o.Out, "gone.zip"), "of a function that no longer exists")
	write(t, filepath.Join(o.Out, "notes.txt"), "a file of the user")
	built, err := Build(t.Context(), functions, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != 2 {
		t.Fatalf("%d zips", len(built))
	}
	for _, a := range built {
		content := read(t, a.Path)
		if int64(len(content)) != a.ZipBytes || a.Path != filepath.Join(o.Out, a.Function+".zip") {
			t.Errorf("%+v, and it has %d bytes", a, len(content))
		}
		archive, err := zip.NewReader(bytes.NewReader(content), a.ZipBytes)
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.File) != 1 {
			t.Fatalf("%s has %d files", a.Function, len(archive.File))
		}
		f := archive.File[0]
		if f.Name != "bootstrap" || f.Mode() != 0o755 || !f.Modified.Equal(modified) || int64(f.UncompressedSize64) != a.UnpackedBytes {
			t.Errorf("%s: %s, mode %s, of %s, %d bytes unpacked", a.Function, f.Name, f.Mode(), f.Modified, f.UncompressedSize64)
		}
		entry, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		binary, err := io.ReadAll(entry)
		if err != nil {
			t.Fatal(err)
		}
		// ELF, machine 183: AArch64.
		if !bytes.HasPrefix(binary, []byte("\x7fELF")) || binary[18] != 183 || !bytes.Contains(binary, []byte(a.Function)) || bytes.Contains(binary, []byte(o.Root)) {
			t.Errorf("%s is another program, for another machine, or names the folder that it was built in", a.Function)
		}
	}
	if _, err := os.Stat(filepath.Join(o.Out, "gone.zip")); !os.IsNotExist(err) {
		t.Errorf("the zip of a function that no longer exists: %v", err)
	}
	read(t, filepath.Join(o.Out, "notes.txt"))

	if err := Verify(t.Context(), functions, built, o); err != nil {
		t.Error(err)
	}
	write(t, built[1].Path, "changed since")
	if err := Verify(t.Context(), functions, built, o); err == nil || !strings.Contains(err.Error(), "function two") || strings.Contains(err.Error(), "function one") {
		t.Errorf("a zip that differs: %v", err)
	}
}

// The error names a function that is too large or does not compile, and earlier zips stay.
func TestBuildWritesNoZipUnlessEveryFunctionIsValid(t *testing.T) {
	o := module(t)
	write(t, filepath.Join(o.Out, "one.zip"), "of before")
	o.MaxBytes = 1000
	if _, err := Build(t.Context(), functions, o); err == nil || !strings.Contains(err.Error(), "function one is ") || !strings.Contains(err.Error(), "function two is ") {
		t.Errorf("too large: %v", err)
	}
	o.MaxBytes = 0
	write(t, filepath.Join(o.Root, "producers/cmd/two/main.go"), "package main\n\nfunc main() { nonsense }\n")
	if _, err := Build(t.Context(), functions, o); err == nil || !strings.Contains(err.Error(), "producers/cmd/two") {
		t.Errorf("does not compile: %v", err)
	}
	if content := read(t, filepath.Join(o.Out, "one.zip")); string(content) != "of before" {
		t.Errorf("the zip of before is now %d bytes", len(content))
	}
}

func TestABinaryForAnotherArchitectureIsRefused(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{"script": "#!/bin/sh\n", "empty": ""} {
		path := filepath.Join(folder, name)
		write(t, path, content)
		if err := check(name, path, MaxUnpackedBytes); err == nil || !strings.Contains(err.Error(), "function "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := check("own", own, 1<<40); (err == nil) != (runtime.GOARCH == "arm64") {
		t.Errorf("this test's own program, for %s: %v", runtime.GOARCH, err)
	}
}
