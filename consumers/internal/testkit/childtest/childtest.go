// Package childtest starts the servers of a test binary as its children, one of each for all its tests, so that none outlives
// it. It is for tests only.
package childtest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
)

// Start starts a command that dies with this process, however that ends. The channel is closed when the command has ended.
func Start(command *exec.Cmd) (exited <-chan struct{}, err error) {
	command.SysProcAttr = dieWithParent()
	started, done := make(chan error, 1), make(chan struct{})
	// From a thread that lives until the command ends: Linux ends a child that is to die with its parent when the thread
	// ends that started it.
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

// FreePorts are ports of the loopback interface that were free a moment ago.
func FreePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("free port: %w", err)
		}
		// Not before all are found, else one may be found twice.
		defer func() { _ = l.Close() }()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
