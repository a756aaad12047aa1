package runtimeapi

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter starts all processes from one operating system thread that lives as long as the host. Linux sends the parent-death
// signal when the *thread* that started a child ends, not its process, so a child must not be started by a thread that Go might
// end.
type starter struct {
	requests chan startRequest
	once     *sync.Once
}

type startRequest struct {
	command *exec.Cmd
	result  chan error
}

func newStarter() starter {
	s := starter{requests: make(chan startRequest), once: &sync.Once{}}
	go func() {
		runtime.LockOSThread()
		// Go ends a thread whose goroutine returns while still locked, which would kill every process started from it.
		defer runtime.UnlockOSThread()
		for request := range s.requests {
			request.result <- request.command.Start()
		}
	}()
	return s
}

func (s starter) start(command *exec.Cmd) error {
	request := startRequest{command, make(chan error, 1)}
	s.requests <- request
	return <-request.result
}

func (s starter) close() { s.once.Do(func() { close(s.requests) }) }
