package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Call is one request of a function to a service of AWS, or to Stripe.
type Call struct {
	// Operation is the name of the operation, "PutItem", and for Stripe the path without ids, "POST payment_intents/capture". Body
	// is its JSON or form.
	Operation string
	Body      []byte
	// About has the path of a call to Stripe, with the id of its object, and the idempotency key.
	About string
	// Attempt is 1 for the SDK's first try and 2 for any later one.
	Attempt int
	// From is the caller's address (host:port) of the connection, To the proxy's.
	From, To string
}

// Mentions reports whether the call contains a text, for example an order's id.
func (c Call) Mentions(text string) bool {
	return bytes.Contains(c.Body, []byte(text)) || strings.Contains(c.About, text)
}

// CallHook is called before a call has its effect. forward forwards the call and returns when it has had its effect; the response
// waits until the hook returns. If the hook returns false, the caller gets no response: its connection breaks. Hooks of
// concurrent calls run concurrently.
type CallHook func(c Call, forward func()) (answer bool)

// Calls is a proxy for the calls to one service. It is safe for concurrent use.
type Calls struct {
	upstream string
	server   *http.Server
	listener net.Listener
	client   *http.Client

	mu      sync.Mutex
	hook    CallHook
	dialled func(from, to string)
	counts  map[string]int
}

// NewCalls starts a proxy on an address of its own. upstream is host:port.
func NewCalls(upstream string) (*Calls, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Calls{upstream: upstream, listener: listener, counts: map[string]int{}, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: time.Minute, ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
		c.mu.Lock()
		dialled := c.dialled
		c.mu.Unlock()
		if dialled != nil {
			dialled(conn.RemoteAddr().String(), conn.LocalAddr().String())
		}
		return ctx
	}}
	go func() { _ = c.server.Serve(listener) }()
	return c, nil
}

// Address returns the proxy's address (host:port).
func (c *Calls) Address() string { return c.listener.Addr().String() }

// Hook sets the hook of later calls. With nil all calls are forwarded.
func (c *Calls) Hook(h CallHook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = h
}

// Dialled sets a function that is called with both addresses (host:port) of each new connection, before anything is read from it
// and before the next one is accepted. nil removes it.
func (c *Calls) Dialled(h func(from, to string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled = h
}

// Count returns the number of calls of an operation, or of all operations for "". Repetitions by the SDK are not counted.
func (c *Calls) Count(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if operation != "" {
		return c.counts[operation]
	}
	total := 0
	for _, n := range c.counts {
		total += n
	}
	return total
}

// Close closes the proxy and breaks its connections.
func (c *Calls) Close() error { return c.server.Close() }

// ServeHTTP implements http.Handler.
func (c *Calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller is gone
	}
	call := Call{Body: body, Attempt: 1, From: r.RemoteAddr, To: c.Address()}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, call.Operation, _ = strings.Cut(target, ".")
	} else {
		call.Operation, call.About = stripeOperation(r.Method, r.URL.Path), r.URL.Path+" "+r.Header.Get("Idempotency-Key")
	}
	if attempt := r.Header.Get("Amz-Sdk-Request"); attempt != "" && !strings.Contains(attempt, "attempt=1;") && attempt != "attempt=1" {
		call.Attempt = 2
	}
	c.mu.Lock()
	hook := c.hook
	if call.Attempt == 1 {
		c.counts[call.Operation]++
	}
	c.mu.Unlock()

	var got answer
	var failed error
	var once sync.Once
	forward := func() {
		// The call must have its effect even if the caller is killed meanwhile.
		once.Do(func() { got, failed = c.forward(context.WithoutCancel(r.Context()), r, body) })
	}
	if hook != nil && !hook(call, forward) {
		panic(http.ErrAbortHandler)
	}
	forward()
	if failed != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range got.header {
		w.Header()[name] = values
	}
	w.WriteHeader(got.status)
	_, _ = w.Write(got.content) // fails if the caller is gone
}

// stripeOperation returns the name of a call from its path, /v1/RESOURCE/ID/ACTION, without the id.
func stripeOperation(method, path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	if len(parts) > 1 {
		parts = slices.Delete(parts, 1, 2)
	}
	return method + " " + strings.Join(parts, "/")
}

// answer is the response of the service.
type answer struct {
	status  int
	header  http.Header
	content []byte
}

func (c *Calls) forward(ctx context.Context, r *http.Request, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, "http://"+c.upstream+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header, request.Host = r.Header.Clone(), r.Host
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, errors.Join(err, response.Body.Close())
}
