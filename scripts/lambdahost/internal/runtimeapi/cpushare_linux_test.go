package runtimeapi

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// A function of 256 MB has 0.145 of a processor: work of 60 ms of processor time takes at least 300 ms, and the process does
// complete. Its response and its end are as without a limit, which takes as long as the machine needs.
func TestProcessorShareFollowsFromMemory(t *testing.T) {
	const work = `{"do":"burn","for":"60ms"}`
	for _, limited := range []bool{false, true} {
		host := startEcho(t, func(f *Function, o *Options) { f.Processes, f.MemoryMegabytes, o.CPUShare = 1, 256, limited })
		eventually(t, "ready", func() bool { return len(host.Missing()) == 0 })
		begun := time.Now()
		for range 2 {
			answer, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(work)})
			if _, parseErr := strconv.Atoi(strings.TrimSpace(string(answer))); err != nil || parseErr != nil {
				t.Fatalf("response %s, %v", answer, err)
			}
		}
		if took := time.Since(begun); limited && took < 600*time.Millisecond {
			t.Errorf("120 ms of work take %s with a share of 0.145", took)
		}
	}
}
