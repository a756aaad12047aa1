package gateway

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
)

// Listen gives the listener of a gateway's server. A request that net/http cannot read, such as one with half a
// percent-encoding in its path, it answers by itself and in plain text, and asks no handler; API Gateway answers in its form.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return conn{tcp}, nil
	}
	return c, err
}

// conn keeps everything that a TCP connection can do, which net/http makes use of.
type conn struct{ *net.TCPConn }

// ownAnswer is the whole of what net/http writes, in one call, where it asks no handler. An answer of a handler always has a
// date.
var ownAnswer = regexp.MustCompile(`^HTTP/1\.1 (4\d\d|5\d\d) [^\r\n]*\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n[^\r\n]*$`)

// maxOwnAnswer is more than net/http writes of its own, in bytes.
const maxOwnAnswer = 512

// Write implements net.Conn.
func (c conn) Write(p []byte) (int, error) {
	if len(p) > maxOwnAnswer {
		return c.TCPConn.Write(p)
	}
	own := ownAnswer.FindSubmatch(p)
	if own == nil {
		return c.TCPConn.Write(p)
	}
	status, err := strconv.Atoi(string(own[1]))
	if err != nil {
		return 0, err
	}
	body, err := json.Marshal(map[string]string{"message": http.StatusText(status)})
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(c.TCPConn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(body), body); err != nil {
		return 0, err
	}
	return len(p), nil
}
