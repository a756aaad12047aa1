// Package childtest starts servers as children of a test binary, one of each for all its tests, so that none outlives the
// binary. It is for tests only.
package childtest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
)

// Start starts a command that dies with this process, however this process ends. The channel is closed when the command has
// ended.
func Start(command *exec.Cmd) (exited <-chan struct{}, err error) {
	command.SysProcAttr = dieWithParent()
	started, done := make(chan error, 1), make(chan struct{})
	// From a thread that lives until the command ends: Linux kills such a child when the thread that started it ends.
	go func() {
		runtime.LockOSThread()
		defer close(done)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	return done, nil
}

// FreePorts returns n ports of the loopback interface that were free a moment ago.
func FreePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("free port: %w", err)
		}
		// Closed only after all are found, else one port could be found twice.
		defer func() { _ = l.Close() }()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
