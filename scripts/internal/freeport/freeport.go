// Package freeport finds ports of this machine for servers that are started a moment later.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are given from below those from which Linux takes the ports of outgoing connections (32768 and up): of the ones that
// the kernel picks for a listener, one connection or another of a busy machine takes some before the server has begun.
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

// Find is a port of 127.0.0.1 on which nobody listens and that this process has not been given before. Another process may
// still take it: whoever starts a server has to bear that.
func Find() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range tries {
		port := first + rand.IntN(last-first+1) //nolint:gosec // G404: which one is no secret
		if !given[port] && Free(port) {
			given[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("%w in %d tries from %d to %d", errNone, tries, first, last)
}

// Free says whether a port of 127.0.0.1 can be listened on.
func Free(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
