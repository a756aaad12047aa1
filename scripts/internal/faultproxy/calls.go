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
	// Operation is the name of the operation, "PutItem"; of Stripe's the path without the ids, "POST payment_intents/capture".
	// Body is its JSON or form.
	Operation string
	Body      []byte
	// About is what a call to Stripe says beside its body: the path, with the id of its object, and the idempotency key.
	About string
	// Attempt is the number of the SDK's try: 1, or 2 for any later one.
	Attempt int
	// From is the caller's end of the connection, To the other, host:port.
	From, To string
}

// Mentions says whether the call has a text in it, an order's id for example.
func (c Call) Mentions(text string) bool {
	return bytes.Contains(c.Body, []byte(text)) || strings.Contains(c.About, text)
}

// CallHook sees a call before it has had its effect. forward passes it on and returns when it has had it; the answer is kept
// back until the hook returns. With false the caller gets no answer: its connection breaks. Hooks of calls that come at the
// same time run at the same time.
type CallHook func(c Call, forward func()) (answer bool)

// Calls passes the calls to one service on. It is safe for concurrent use.
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

// NewCalls listens on an address of its own; upstream is host:port.
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

// Address is where it listens.
func (c *Calls) Address() string { return c.listener.Addr().String() }

// Hook sets what is done with each call from now on; nil passes all on.
func (c *Calls) Hook(h CallHook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = h
}

// Dialled sets what hears of each new connection, by both ends of it (host:port), before anything is read from it and
// before the next one is accepted; nil ends it.
func (c *Calls) Dialled(h func(from, to string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled = h
}

// Count is how many calls of an operation came, the SDK's own repetitions not among them; of all operations for "".
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

// Close breaks what is under way.
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
		// The effect is wanted even if the caller is killed meanwhile.
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
	_, _ = w.Write(got.content) // a caller that is gone needs no answer
}

// stripeOperation names a call by its path, /v1/RESOURCE/ID/ACTION, without the id.
func stripeOperation(method, path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	if len(parts) > 1 {
		parts = slices.Delete(parts, 1, 2)
	}
	return method + " " + strings.Join(parts, "/")
}

// answer of the service.
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
