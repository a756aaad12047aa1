package childtest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
)

// ErrNotInstalled is wrapped by the error of a Start whose program is not installed.
var ErrNotInstalled = errors.New("not installed")

// Shared is the one server of a test binary: the first Get starts it, Run stops it. A binary has one test package. It is
// safe for concurrent use.
type Shared[Server any] struct {
	// Package is the name of the package whose Run the TestMain must call.
	Package string
	// Start starts the server, which outlives ctx.
	Start func(ctx context.Context) (Server, error)
	Stop  func(Server)

	mu               sync.Mutex
	running, started bool
	server           Server
	err              error
}

// Run runs the tests of a package and then stops the server that they used, if any.
func (s *Shared[Server]) Run(m interface{ Run() int }) int {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	code := m.Run()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started && s.err == nil {
		s.Stop(s.server)
	}
	return code
}

// Get returns the server. A test whose server is not installed is skipped with the reason, or fails where CI is true.
func (s *Shared[Server]) Get(t testing.TB) Server {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		t.Fatalf("%[1]s: TestMain must call %[1]s.Run, else the server keeps running", s.Package)
	}
	if !s.started {
		s.server, s.err = s.Start(t.Context())
		s.started = true
	}
	Want(t, s.err)
	return s.server
}

// Want ends a test whose server did not start: it skips the test with the reason if the program is not installed and CI is
// not true, else it fails the test.
func Want(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// Try tries to start a server up to three times, with other ports each time, since a free port may be taken before the
// server binds it.
func Try[Server any](start func() (Server, error)) (server Server, err error) {
	var failed error
	for range 3 {
		if server, err = start(); err == nil {
			return server, nil
		}
		failed = errors.Join(failed, err)
	}
	return server, failed
}
