package websockets

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"boxoffice/contracts/topology"
)

// sendTimeout bounds a write to a client that does not read.
const sendTimeout = 10 * time.Second

// closing is how a connection ended.
type closing struct {
	code   websocket.StatusCode
	reason string
}

// connection is an open connection.
type connection struct {
	api    *API
	id     string
	at     time.Time
	source identity
	domain string
	socket *websocket.Conn
	frames *meter

	mu     sync.Mutex
	active time.Time
	idle   *time.Timer
	life   *time.Timer
	// ending is set by the first end.
	ending *closing
}

// start starts the limits.
func (c *connection) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = c.api.options.Now()
	c.idle = time.AfterFunc(c.api.options.Idle, func() { c.end(closing{websocket.StatusGoingAway, "Idle timeout"}) })
	c.life = time.AfterFunc(c.api.options.Life, func() { c.end(closing{websocket.StatusGoingAway, "Connection duration limit"}) })
}

// touch notes a message.
func (c *connection) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = c.api.options.Now()
	if c.ending == nil {
		c.idle.Reset(c.api.options.Idle)
	}
}

// end closes the connection. The management API does not know it any more.
func (c *connection) end(how closing) {
	c.mu.Lock()
	first := c.ending == nil
	if first {
		c.ending = &how
		c.idle.Stop()
		c.life.Stop()
	}
	c.mu.Unlock()
	c.api.remove(c)
	if first {
		// It waits 5 s for the client to agree. An error means that the client is gone.
		_ = c.socket.Close(how.code, how.reason)
	}
}

// serve handles messages, one after the other, until the connection ends.
func (c *connection) serve() closing {
	defer func() {
		c.end(closing{websocket.StatusNormalClosure, ""})
		_ = c.socket.CloseNow() // closed already
	}()
	for {
		kind, data, err := c.socket.Read(context.Background())
		if err != nil {
			return c.how(err)
		}
		switch {
		case kind != websocket.MessageText:
			c.end(closing{websocket.StatusUnsupportedData, "Binary frames are not supported"})
		case c.frames.tooLarge():
			c.end(closing{websocket.StatusMessageTooBig, "Frame too large"})
		default:
			c.touch()
			c.message(string(data))
		}
	}
}

// how says how a connection ended whose read failed.
func (c *connection) how(err error) closing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var closed websocket.CloseError
	switch {
	case c.ending != nil:
		return *c.ending
	case errors.Is(err, websocket.ErrMessageTooBig):
		return closing{websocket.StatusMessageTooBig, "Message too large"}
	case errors.As(err, &closed) && closed.Code == websocket.StatusNoStatusRcvd:
		return closing{closed.Code, "Client-side close frame status not set"}
	case errors.As(err, &closed):
		return closing{closed.Code, closed.Reason}
	}
	return closing{websocket.StatusAbnormalClosure, "Connection closed abnormally"}
}

// message invokes the function and sends what it answers.
func (c *connection) message(body string) {
	requestID := c.api.newID()
	answer, err := c.api.invoke(context.Background(), c.messageEvent(body, requestID))
	var reply []byte
	if err == nil {
		reply, err = answer.content()
	}
	if err != nil {
		c.api.failed(topology.RouteMessage, c, err)
		// Strings can always be encoded.
		reply, _ = json.Marshal(map[string]string{"message": "Internal server error", "connectionId": c.id, "requestId": requestID})
	}
	if len(reply) > 0 {
		_ = c.send(reply) // the next read reports that the client is gone
	}
}

// send sends a message: text where that is possible. After an error the connection is closed.
func (c *connection) send(data []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	kind := websocket.MessageText
	if !utf8.Valid(data) {
		kind = websocket.MessageBinary
	}
	if err := c.socket.Write(ctx, kind, data); err != nil {
		return err
	}
	c.touch()
	return nil
}

// ended tells the function that a connection has ended. As on AWS this is tried once.
func (c *connection) ended(how closing) {
	if _, err := c.api.invoke(context.Background(), c.disconnectEvent(how, c.api.newID())); err != nil {
		c.api.failed(topology.RouteDisconnect, c, err)
	}
}
