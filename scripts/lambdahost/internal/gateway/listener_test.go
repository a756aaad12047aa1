package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request that net/http refuses without a handler gets a response in the gateway's form; a handler's response stays unchanged.
func TestMalformedRequestsGetTheGatewaysErrorForm(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listen(plain)
	const text = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 1 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, text)
	})}
	go server.Serve(l)                       //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = server.Close() }) // an error loses nothing
	for name, test := range map[string]struct {
		request, contentType, body string
		status                     int
	}{
		"half a percent-encoding": {"GET /api/concerts/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "application/json", `{"message":"Bad Request"}`, 400},
		"a blank in the path":     {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "application/json", `{"message":"Bad Request"}`, 400},
		"no host":                 {"GET / HTTP/1.1\r\n\r\n", "application/json", `{"message":"Bad Request"}`, 400},
		"nonsense":                {"nonsense\r\n\r\n", "application/json", `{"message":"Bad Request"}`, 400},
		"another coding":          {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "application/json", `{"message":"Not Implemented"}`, 501},
		"headers without end":     {"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 9000) + "\r\n\r\n", "application/json", `{"message":"Request Header Fields Too Large"}`, 431},
		"one that can be read":    {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "text/plain; charset=utf-8", text, 400},
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, test.request); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != test.status || answer.Header.Get("Content-Type") != test.contentType || string(body) != test.body {
			t.Errorf("%s: %d %s %s, %v", name, answer.StatusCode, answer.Header.Get("Content-Type"), body, err)
		}
		_ = answer.Body.Close()
		_ = c.Close()
	}
}
