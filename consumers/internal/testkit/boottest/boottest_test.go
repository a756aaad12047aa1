package boottest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

// A function whose package lacks the test would be held to nothing.
func TestEveryFunctionIsTested(t *testing.T) {
	specified, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range specified.Functions {
		if f.Side != "consumers" {
			continue
		}
		found++
		content, err := os.ReadFile(filepath.Join("..", "..", "..", "cmd", f.Name, "config_test.go"))
		if err != nil || !strings.Contains(string(content), "boottest.Config(t, wire)") {
			t.Errorf("%s: no test of its config: %v", f.Name, err)
		}
	}
	if found == 0 {
		t.Error("no function was found")
	}
}
