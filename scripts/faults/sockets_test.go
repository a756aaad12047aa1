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

// held says whether any process has a socket.
func held(socket string) (bool, error) {
	processes, err := procfs.AllProcs()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(processes, func(p procfs.Proc) bool { return has(p.PID, socket) }), nil
}
