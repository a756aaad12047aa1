package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one bug: where it is planted, and which test must find it.
type mutant struct {
	// Name says what is wrong, in a few words.
	Name string `json:"name"`
	// Package is the folder whose tests run, File the file that is changed. Both are relative to the module's root.
	Package string `json:"package"`
	File    string `json:"file"`
	// Text is in the file exactly once. Replacement replaces it.
	Text        string `json:"text"`
	Replacement string `json:"replacement"`
	// Test is the test that must fail: "TestName" or "TestName/the subtest's name".
	Test string `json:"test"`
	// Why is what the bug does to a buyer, an order or the money.
	Why string `json:"why"`
}

// load reads the list. It refuses incomplete entries and duplicates.
func load(root, file string) ([]mutant, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the list of the caller
	if err != nil {
		return nil, err
	}
	var all []mutant
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one JSON value", file)
	}
	var problems []error
	seen := map[string]bool{}
	for i, m := range all {
		key := m.Package + ": " + m.Name
		switch {
		case m.Name == "" || m.Package == "" || m.File == "" || m.Text == "" || m.Test == "" || m.Why == "":
			problems = append(problems, fmt.Errorf("mutant %d (%s) lacks its name, package, file, text, test or why", i+1, key))
		case m.Text == m.Replacement:
			problems = append(problems, fmt.Errorf("%s: text and replacement are the same", key))
		case seen[key]:
			problems = append(problems, fmt.Errorf("%s: it is there twice", key))
		case !strings.HasPrefix(m.Test, "Test"):
			problems = append(problems, fmt.Errorf("%s: %q is no test", key, m.Test))
		}
		seen[key] = true
		if _, err := os.Stat(filepath.Join(root, m.Package)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
		}
	}
	return all, errors.Join(problems...)
}

// errNotOnce means that the text of a mutant is not in its file exactly once, so that the intended bug is unknown.
var errNotOnce = errors.New("its text is not in the file exactly once")

// planted returns the content of the file with the bug.
func (m mutant) planted(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File)) //nolint:gosec // a file of the module
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.Text)); n != 1 {
		return nil, fmt.Errorf("%w but %d times: %s", errNotOnce, n, m.File)
	}
	return bytes.Replace(text, []byte(m.Text), []byte(m.Replacement), 1), nil
}
