package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memoryUse is the most memory that a process of a function has used, and the memory that the function has.
type memoryUse struct {
	Name string `json:"name"`
	// Megabytes is the function's memory in the topology. PeakMegabytes is the largest resident set of any of its processes since
	// the process's start. Both are in units of 2^20 bytes, as Lambda counts.
	Megabytes     int     `json:"megabytes"`
	PeakMegabytes float64 `json:"peakMegabytes"`
}

// memory returns the use of all functions, in the order of the topology.
func (m *measures) memory(ctx context.Context) ([]memoryUse, error) {
	status, err := m.hostStatus(ctx)
	if err != nil {
		return nil, err
	}
	var all []memoryUse
	for _, f := range status.Functions {
		use := memoryUse{Name: f.Name}
		for _, p := range f.Processes {
			content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", f.Name, err)
			}
			kilobytes, err := parsePeak(string(content))
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", f.Name, err)
			}
			use.PeakMegabytes = max(use.PeakMegabytes, float64(kilobytes)/1024)
			environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", f.Name, err)
			}
			if use.Megabytes, err = memoryOf(strings.Split(string(environment), "\x00")); err != nil {
				return nil, fmt.Errorf("memory of %s: %w", f.Name, err)
			}
		}
		all = append(all, use)
	}
	return all, nil
}

// parsePeak reads VmHWM, the peak of the resident set in KiB, of /proc/PID/status (proc_pid_status(5)).
func parsePeak(status string) (kilobytes int64, err error) {
	for line := range strings.Lines(status) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			fields := strings.Fields(value)
			if len(fields) == 2 && fields[1] == "kB" {
				return strconv.ParseInt(fields[0], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no VmHWM in kB in /proc/PID/status: %.80q", status)
}
