package boot

import (
	"bytes"
	"encoding/json"
	"log"
	"log/slog"
	"strings"
	"testing"

	"boxoffice/contracts/telemetry"
)

// What a library prints through package log is a line of JSON like all others.
func TestLibraryOutputIsJSON(t *testing.T) {
	before, flags, writer := slog.Default(), log.Flags(), log.Writer()
	defer func() { slog.SetDefault(before); log.SetFlags(flags); log.SetOutput(writer) }()
	var out bytes.Buffer
	logLibraries(telemetry.NewLogger(&out, "pay"))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "x", "y")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["function"] != "pay" || !strings.Contains(line["msg"].(string), "Unsolicited") {
		t.Errorf("printed %s: %v", &out, err)
	}
}
