package gateway

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
)

// Listen wraps the listener of a gateway's server. net/http itself responds to a request that it cannot parse, in plain text and
// without calling a handler; the wrapper rewrites that response into API Gateway's form.
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

// conn embeds *net.TCPConn, not net.Conn, so that net/http can use all its methods.
type conn struct{ *net.TCPConn }

// ownResponse matches a response that net/http makes without a handler and writes in a single call. A handler's response always
// has a Date header, so it never matches.
var ownResponse = regexp.MustCompile(`^HTTP/1\.1 (4\d\d|5\d\d) [^\r\n]*\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n[^\r\n]*$`)

// maxOwnResponse is above the size of such a response, in bytes.
const maxOwnResponse = 512

// Write implements net.Conn.
func (c conn) Write(p []byte) (int, error) {
	if len(p) > maxOwnResponse {
		return c.TCPConn.Write(p)
	}
	own := ownResponse.FindSubmatch(p)
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
