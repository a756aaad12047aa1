package faultproxy

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// Command is what a client sends to Redis at once: one command or a pipeline.
type Command struct {
	Sent []byte
	// From is the client's address (host:port) of the connection, To the proxy's.
	From, To string
}

// Mentions reports whether the command contains a text, for example an order's id.
func (c Command) Mentions(text string) bool { return bytes.Contains(c.Sent, []byte(text)) }

// CommandHook is called before a command has its effect. forward forwards it and returns when Redis has replied; the reply waits
// until the hook returns. If the hook returns false, the client gets no reply: its connection breaks, and a command that was not
// forwarded has no effect. Hooks of different connections run concurrently.
type CommandHook func(c Command, forward func()) (answer bool)

// Commands is a proxy for connections to Redis. It is safe for concurrent use.
type Commands struct {
	upstream string
	listener net.Listener
	closed   atomic.Bool

	mu      sync.Mutex
	hook    CommandHook
	dialled func(from, to string)
	conns   map[net.Conn]bool
}

// NewCommands starts a proxy on an address of its own. upstream is host:port.
func NewCommands(upstream string) (*Commands, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Commands{upstream: upstream, listener: listener, conns: map[net.Conn]bool{}}
	go c.accept()
	return c, nil
}

// Address returns the proxy's address (host:port).
func (c *Commands) Address() string { return c.listener.Addr().String() }

// Hook sets the hook of later commands. With nil all commands are forwarded.
func (c *Commands) Hook(h CommandHook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = h
}

// Dialled sets a function that is called with both addresses (host:port) of each new connection, before anything is forwarded.
// nil removes it.
func (c *Commands) Dialled(h func(from, to string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled = h
}

// Close closes the proxy and breaks its connections.
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

// connection is a client's connection with its own connection to Redis.
type connection struct {
	client, server net.Conn
	// ended is closed when Redis sends no more.
	ended chan struct{}
	// pending is the reply that waits for its hook; nil while replies go directly to the client.
	pending atomic.Pointer[reply]
}

// reply: arrived is closed when the reply arrives, and deliver receives whether the client gets it.
type reply struct {
	arrived chan struct{}
	deliver chan bool
}

func (c *Commands) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // nothing is lost with it
	c.mu.Lock()
	dialled := c.dialled
	c.mu.Unlock()
	if dialled != nil {
		dialled(client.RemoteAddr().String(), client.LocalAddr().String())
	}
	server, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // nothing is lost with it
	for _, conn := range []net.Conn{client, server} {
		c.track(conn, true)
		defer c.track(conn, false)
	}
	k := &connection{client: client, server: server, ended: make(chan struct{})}
	go k.replies()
	buffer := make([]byte, 256<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil || !k.forward(buffer[:n], c.currentHook()) {
			return
		}
	}
}

// forward forwards a command as the hook says. It returns false if the connection must end.
func (k *connection) forward(sent []byte, hook CommandHook) bool {
	if hook == nil {
		_, err := k.server.Write(sent)
		return err == nil
	}
	forwarded, failed := false, false
	r := &reply{arrived: make(chan struct{}), deliver: make(chan bool, 1)}
	forward := func() {
		if forwarded {
			return
		}
		// Before the command is forwarded, so that its own reply waits.
		forwarded = true
		k.pending.Store(r)
		if _, err := k.server.Write(sent); err != nil {
			failed = true
			return
		}
		select {
		case <-r.arrived:
		case <-k.ended:
			failed = true
		}
	}
	answer := hook(Command{Sent: bytes.Clone(sent), From: k.client.RemoteAddr().String(), To: k.client.LocalAddr().String()}, forward)
	switch {
	case !answer || failed:
		r.deliver <- false
		return false
	case forwarded:
		k.pending.Store(nil)
		r.deliver <- true
		return true
	default:
		_, err := k.server.Write(sent)
		return err == nil
	}
}

// replies sends the client what Redis sends.
func (k *connection) replies() {
	defer k.client.Close() //nolint:errcheck // ends the other direction
	defer close(k.ended)
	buffer := make([]byte, 256<<10)
	for {
		n, err := k.server.Read(buffer)
		if err != nil {
			return
		}
		if r := k.pending.Load(); r != nil {
			close(r.arrived)
			if !<-r.deliver {
				return
			}
		}
		if _, err := k.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (c *Commands) currentHook() CommandHook {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hook
}

func (c *Commands) track(conn net.Conn, open bool) {
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
