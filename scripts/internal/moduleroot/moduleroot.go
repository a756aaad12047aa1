// Package moduleroot finds the folder of this project, from wherever in it a program or a test runs.
package moduleroot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Find returns the nearest folder, from the current one upwards, whose go.mod is that of boxoffice.
func Find() (string, error) {
	current, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	for folder := current; ; folder = filepath.Dir(folder) {
		content, err := os.ReadFile(filepath.Join(folder, "go.mod")) //nolint:gosec // the path is above the current folder
		if err == nil && strings.HasPrefix(string(content), "module boxoffice\n") {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("find the project: no go.mod of boxoffice in %s or above", current)
		}
	}
}
