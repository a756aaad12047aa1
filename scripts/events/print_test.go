package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/event"
)

// delivered returns the example of a detail type as the bus delivers it.
func delivered(t *testing.T, detailType string) string {
	t.Helper()
	detail, err := os.ReadFile(filepath.Join("..", "..", "contracts", "event", "testdata", detailType+".v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"source": event.Source, "detail-type": detailType, "detail": json.RawMessage(detail)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Every detail type has an example, and each is printed, in one line.
func TestTheExampleOfEachTypeIsPrinted(t *testing.T) {
	for _, status := range contracts.Statuses() {
		detailType := event.DetailType(status)
		if detailType == "" {
			continue
		}
		for _, asJSON := range []bool{true, false} {
			var out strings.Builder
			if err := (printer{out: &out, json: asJSON}).print(delivered(t, detailType)); err != nil {
				t.Fatalf("%s: %v", detailType, err)
			}
			if text := out.String(); !strings.Contains(text, detailType) || !strings.Contains(text, "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4") || strings.Count(text, "\n") != 1 {
				t.Errorf("%s: %q", detailType, text)
			}
		}
	}
}

func TestOnlyTheWantedOrderIsPrinted(t *testing.T) {
	var out strings.Builder
	if err := (printer{out: &out, order: "another"}).print(delivered(t, "OrderHeld")); err != nil || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestWhatIsNoEventIsAnError(t *testing.T) {
	for _, body := range []string{"", "{}", `{"detail-type":"OrderHeld","detail":{"v":2}}`, `[1]`} {
		if err := (printer{out: &strings.Builder{}}).print(body); err == nil {
			t.Errorf("%q was printed", body)
		}
	}
}

// Without a stack the program says what is missing.
func TestTheBusMustBeKnown(t *testing.T) {
	var out, errOut strings.Builder
	if code := run(t.Context(), nil, func(string) (string, bool) { return "", false }, &out, &errOut); code == 0 || !strings.Contains(errOut.String(), "make env") {
		t.Errorf("%d: %s", code, errOut.String())
	}
}
