package faultproxy

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// CommandHook sees what a client sends to Redis, before it has had its effect: one command, or a pipeline of some. With true
// the reply is awaited and given to the client; with false it is awaited, and then Answered is called and the connection
// breaks, so that the client never has it.
type CommandHook func(sent []byte) (answer bool)

// Commands passes connections to Redis on. It is safe for concurrent use.
type Commands struct {
	upstream string
	listener net.Listener
	closed   atomic.Bool

	mu       sync.Mutex
	hook     CommandHook
	answered func()
	conns    map[net.Conn]bool
}

// NewCommands listens on an address of its own; upstream is host:port.
func NewCommands(upstream string) (*Commands, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Commands{upstream: upstream, listener: listener, conns: map[net.Conn]bool{}}
	go c.accept()
	return c, nil
}

// Address is where it listens.
func (c *Commands) Address() string { return c.listener.Addr().String() }

// Hook sets what is done with each command from now on; nil passes all on. answered is called when Redis has answered one
// whose reply is to be lost: it has had its effect, and nobody knows.
func (c *Commands) Hook(h CommandHook, answered func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook, c.answered = h, answered
}

// Close breaks all connections.
func (c *Commands) Close() error {
	c.closed.Store(true)
	err := c.listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
	return err
}

func (c *Commands) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		go c.serve(conn)
	}
}

func (c *Commands) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // nothing is kept in it
	server, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // nothing is kept in it
	for _, conn := range []net.Conn{client, server} {
		c.hold(conn, true)
		defer c.hold(conn, false)
	}
	// lose is set before the command is passed on, so that its own reply is the one that is lost.
	var lose atomic.Bool
	go func() {
		defer server.Close() //nolint:errcheck // ends the other direction
		buffer := make([]byte, 256<<10)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			if hook := c.hooked(); hook != nil && !hook(bytes.Clone(buffer[:n])) {
				lose.Store(true)
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 256<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if lose.Load() {
			c.tell()
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (c *Commands) hooked() CommandHook {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hook
}

func (c *Commands) tell() {
	c.mu.Lock()
	answered := c.answered
	c.mu.Unlock()
	if answered != nil {
		answered()
	}
}

func (c *Commands) hold(conn net.Conn, open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if open && c.closed.Load() {
		_ = conn.Close()
	}
	if open {
		c.conns[conn] = true
	} else {
		delete(c.conns, conn)
	}
}
