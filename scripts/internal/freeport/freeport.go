// Package freeport finds free ports of this machine for servers that start a moment later.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are below the range from which Linux takes the ports of outgoing connections (32768 and up). In that range, a connection
// of a busy machine sometimes takes a port before the server has started.
const (
	first = 20000
	last  = 32767
	tries = 1000
)

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

var errNone = errors.New("no free port")

// Find returns a port of 127.0.0.1 that is free and that it has not returned before in this process. Another process may still
// take the port, so the caller must expect that a server cannot listen on it.
func Find() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range tries {
		port := first + rand.IntN(last-first+1) //nolint:gosec // G404: the port is no secret
		if !given[port] && Free(port) {
			given[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("%w in %d tries from %d to %d", errNone, tries, first, last)
}

// Free reports whether a server can listen on a port of 127.0.0.1.
func Free(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
