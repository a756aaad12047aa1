package faults

import (
	"slices"

	"github.com/prometheus/procfs"
)

// hasSocket reports whether a process has the socket with this name of socketOf; false if the process has ended.
func hasSocket(pid int, socket string) bool {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	files, err := process.FileDescriptorTargets()
	return err == nil && slices.Contains(files, socket)
}

// anyHasSocket reports whether any process has a socket.
func anyHasSocket(socket string) (bool, error) {
	processes, err := procfs.AllProcs()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(processes, func(p procfs.Proc) bool { return hasSocket(p.PID, socket) }), nil
}
