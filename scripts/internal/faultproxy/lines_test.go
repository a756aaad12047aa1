package faultproxy_test

import (
	"bufio"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// lines is a server that replies to each line with the number of lines so far.
type lines struct {
	address string
	had     atomic.Int64
}

func newLines(t *testing.T) *lines {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	l := &lines{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // nothing is kept in it
				for in := bufio.NewScanner(conn); in.Scan(); {
					if _, err := fmt.Fprintf(conn, "+%d\r\n", l.had.Add(1)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l
}

// reaches waits until the server has received so many lines.
func (l *lines) reaches(t *testing.T, n int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(long); l.had.Load() < n; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("the server had %d lines, want %d", l.had.Load(), n)
		}
	}
}

// caller has one connection, on which it waits for each reply.
type caller struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address string) caller {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return caller{conn, bufio.NewReader(conn)}
}

// ask sends a line and returns the reply that arrives within a time.
func (c caller) ask(line string, within time.Duration) (string, error) {
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return "", err
	}
	return c.hear(within)
}

func (c caller) hear(within time.Duration) (string, error) {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	return c.in.ReadString('\n')
}

func want(t *testing.T, got string, err error, answer string) {
	t.Helper()
	if err != nil || got != answer+"\r\n" {
		t.Fatalf("heard %q, %v; want %q", got, err, answer)
	}
}

// long is enough for a reply on any machine. short is how long a test waits for a reply that must not arrive.
const long, short = 10 * time.Second, 100 * time.Millisecond
