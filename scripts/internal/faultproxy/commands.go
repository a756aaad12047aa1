package faultproxy

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// Command is what a client sends to Redis at once: one command, or a pipeline of some.
type Command struct {
	Sent []byte
	// From is the client's end of the connection, To the other, host:port.
	From, To string
}

// Mentions says whether what was sent has a text in it, an order's id for example.
func (c Command) Mentions(text string) bool { return bytes.Contains(c.Sent, []byte(text)) }

// CommandHook sees a command before it has had its effect. forward passes it on and returns when Redis has answered; the
// reply is kept back until the hook returns. With false the client gets no reply: its connection breaks, and what was not
// forwarded has no effect. Hooks of different connections run at the same time.
type CommandHook func(c Command, forward func()) (answer bool)

// Commands passes connections to Redis on. It is safe for concurrent use.
type Commands struct {
	upstream string
	listener net.Listener
	closed   atomic.Bool

	mu      sync.Mutex
	hook    CommandHook
	dialled func(from, to string)
	conns   map[net.Conn]bool
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

// Hook sets what is done with each command from now on; nil passes all on.
func (c *Commands) Hook(h CommandHook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = h
}

// Dialled sets what hears of each new connection, by the client's end of it (host:port), before it is passed on; nil ends it.
func (c *Commands) Dialled(h func(from, to string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled = h
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

// connection is one client's, with its own connection to Redis.
type connection struct {
	client, server net.Conn
	// ended is closed when Redis says no more.
	ended chan struct{}
	// kept is the reply that waits for its hook; nil while replies go straight to the client.
	kept atomic.Pointer[reply]
}

// reply is told when it is there, and whether the client is to have it.
type reply struct {
	there  chan struct{}
	answer chan bool
}

func (c *Commands) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // nothing is kept in it
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
	defer server.Close() //nolint:errcheck // nothing is kept in it
	for _, conn := range []net.Conn{client, server} {
		c.hold(conn, true)
		defer c.hold(conn, false)
	}
	k := &connection{client: client, server: server, ended: make(chan struct{})}
	go k.replies()
	buffer := make([]byte, 256<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil || !k.pass(buffer[:n], c.hooked()) {
			return
		}
	}
}

// pass passes a command on as the hook says; false ends the connection.
func (k *connection) pass(sent []byte, hook CommandHook) bool {
	if hook == nil {
		_, err := k.server.Write(sent)
		return err == nil
	}
	forwarded, failed := false, false
	r := &reply{there: make(chan struct{}), answer: make(chan bool, 1)}
	forward := func() {
		if forwarded {
			return
		}
		// Before the command is passed on, so that it is its own reply that is kept.
		forwarded = true
		k.kept.Store(r)
		if _, err := k.server.Write(sent); err != nil {
			failed = true
			return
		}
		select {
		case <-r.there:
		case <-k.ended:
			failed = true
		}
	}
	answer := hook(Command{Sent: bytes.Clone(sent), From: k.client.RemoteAddr().String(), To: k.client.LocalAddr().String()}, forward)
	switch {
	case !answer || failed:
		r.answer <- false
		return false
	case forwarded:
		k.kept.Store(nil)
		r.answer <- true
		return true
	default:
		_, err := k.server.Write(sent)
		return err == nil
	}
}

// replies gives the client what Redis says.
func (k *connection) replies() {
	defer k.client.Close() //nolint:errcheck // ends the other direction
	defer close(k.ended)
	buffer := make([]byte, 256<<10)
	for {
		n, err := k.server.Read(buffer)
		if err != nil {
			return
		}
		if r := k.kept.Load(); r != nil {
			close(r.there)
			if !<-r.answer {
				return
			}
		}
		if _, err := k.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (c *Commands) hooked() CommandHook {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hook
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
