package faults

import (
	"slices"

	"github.com/prometheus/procfs"
)

// has says whether a process has a socket, by the name that socketOf gave it; one that has ended has none.
func has(pid int, socket string) bool {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	files, err := process.FileDescriptorTargets()
	return err == nil && slices.Contains(files, socket)
}
