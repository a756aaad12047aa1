// Package websockets imitates a WebSocket API of API Gateway with Lambda integrations: it answers handshakes as the function says,
// invokes the function for each message and for the end of each connection, and has the management API by which other programs send
// over a connection (@connections). It needs a function that invokes (InvokeFunc).
package websockets

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// Limits of API Gateway.
const (
	// MaxMessage bounds a message in both directions, maxFrame each of its frames from a client. In bytes.
	MaxMessage = 128 << 10
	maxFrame   = 32 << 10
	// IdleLimit is how long a connection may be without a message, LifeLimit how long it may last.
	IdleLimit = 10 * time.Minute
	LifeLimit = 2 * time.Hour
	// integrationTimeout bounds one invocation.
	integrationTimeout = 29 * time.Second
)

// InvokeFunc calls a function and returns its response, as runtimeapi.Host.Invoke does.
type InvokeFunc func(ctx context.Context, function string, invocation runtimeapi.Invocation) ([]byte, error)

// Options of an API. Idle and Life are the limits of a connection.
type Options struct {
	Function   string
	Invoke     InvokeFunc
	Idle, Life time.Duration
	Logger     *slog.Logger
	Now        func() time.Time
	// Random is the source of ids.
	Random io.Reader
}

// API is the http.Handler of handshakes. It is safe for concurrent use.
type API struct {
	options Options

	mu       sync.Mutex
	open     map[string]*connection
	opened   int
	stopping bool
	running  sync.WaitGroup
}

// New returns an API without connections.
func New(options Options) *API { return &API{options: options, open: map[string]*connection{}} }

// Path is where connections are opened: the stage.
const Path = "/" + topology.WebSocketStage

// ServeHTTP answers one handshake. It returns when the connection has ended and the function knows.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := a.newID()
	if problem := handshakeProblem(r); problem != "" {
		refuse(w, http.StatusForbidden, "Forbidden", requestID)
		return
	}
	if !a.begin() {
		refuse(w, http.StatusServiceUnavailable, "Service Unavailable", requestID)
		return
	}
	defer a.running.Done()
	c := &connection{api: a, id: a.newID(), at: a.options.Now(), source: sourceOf(r), domain: domainOf(r)}
	answer, err := a.invoke(r.Context(), c.connectEvent(r, requestID))
	switch {
	case err != nil:
		a.failed(topology.RouteConnect, c, err)
		refuse(w, http.StatusBadGateway, "Internal server error", requestID)
		return
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		refuse(w, answer.StatusCode, http.StatusText(answer.StatusCode), requestID)
		return
	}
	options := &websocket.AcceptOptions{
		// As API Gateway: any origin; the function decides.
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
	}
	if chosen := answer.header("Sec-WebSocket-Protocol"); chosen != "" {
		options.Subprotocols = []string{chosen}
	}
	metered := &meteredWriter{ResponseWriter: w}
	c.socket, err = websocket.Accept(metered, r, options)
	if err != nil {
		// The client is gone; the function has stored a connection.
		c.ended(closing{websocket.StatusAbnormalClosure, err.Error()})
		return
	}
	c.frames = metered.meter
	c.socket.SetReadLimit(MaxMessage)
	a.add(c)
	c.ended(c.serve())
}

// handshakeProblem says why a request is no handshake, or "".
func handshakeProblem(r *http.Request) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key")))
	switch {
	case r.Method != http.MethodGet, !r.ProtoAtLeast(1, 1):
		return "method"
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"), !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade"):
		return "no upgrade"
	case r.Header.Get("Sec-WebSocket-Version") != "13", len(r.Header.Values("Sec-WebSocket-Key")) != 1, err != nil, len(key) != 16:
		return "version or key"
	}
	return ""
}

// refuse answers in the form of API Gateway.
func refuse(w http.ResponseWriter, status int, message, requestID string) {
	if status < 300 || status > 599 {
		status = http.StatusInternalServerError // no status that ends a handshake
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message, "requestId": requestID})
}

// begin counts a handshake, unless the API stops.
func (a *API) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopping {
		return false
	}
	a.running.Add(1)
	return true
}

// add makes a connection known to the management API: not before the handshake is answered, as on AWS.
func (a *API) add(c *connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[c.id] = c
	a.opened++
	c.start()
	if a.stopping {
		go c.end(closing{websocket.StatusGoingAway, "Going away"})
	}
}

func (a *API) remove(c *connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, c.id)
}

func (a *API) find(id string) *connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open[id]
}

// Status is what the control endpoint shows.
type Status struct {
	Kind     string `json:"kind"`
	Function string `json:"function"`
	// Open is the number of open connections, Opened of all since the start.
	Open   int `json:"open"`
	Opened int `json:"opened"`
}

// Status returns the numbers of connections.
func (a *API) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Status{Kind: "websocket", Function: a.options.Function, Open: len(a.open), Opened: a.opened}
}

// Stop closes every connection, tells the function of each, and refuses new ones. It waits until ctx ends.
func (a *API) Stop(ctx context.Context) error {
	a.mu.Lock()
	a.stopping = true
	for _, c := range a.open {
		go c.end(closing{websocket.StatusGoingAway, "Going away"})
	}
	a.mu.Unlock()
	done := make(chan struct{})
	go func() { a.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connections were cut off: %w", ctx.Err())
	}
}

// functionResponse is what a function answers to an event.
type functionResponse struct {
	StatusCode        int                 `json:"statusCode"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

func (f functionResponse) header(name string) string {
	for given, value := range f.Headers {
		if strings.EqualFold(given, name) {
			return value
		}
	}
	for given, values := range f.MultiValueHeaders {
		if strings.EqualFold(given, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// content returns the bytes of the body.
func (f functionResponse) content() ([]byte, error) {
	if !f.IsBase64Encoded {
		return []byte(f.Body), nil
	}
	return base64.StdEncoding.DecodeString(f.Body)
}

// invoke calls the function, also if the client is gone meanwhile.
func (a *API) invoke(ctx context.Context, e event) (functionResponse, error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return functionResponse{}, fmt.Errorf("encode event: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), integrationTimeout)
	defer cancel()
	returned, err := a.options.Invoke(ctx, a.options.Function, runtimeapi.Invocation{Payload: payload, Trace: e.trace})
	if err != nil {
		return functionResponse{}, err
	}
	var answer functionResponse
	if err := json.Unmarshal(returned, &answer); err != nil {
		return functionResponse{}, fmt.Errorf("the function's response: %w", err)
	}
	if answer.StatusCode == 0 {
		return functionResponse{}, errors.New("the function's response has no statusCode")
	}
	return answer, nil
}

func (a *API) failed(route string, c *connection, err error) {
	a.options.Logger.Error("an event failed at its function", telemetry.KeyFunction, a.options.Function, telemetry.KeyRoute, route,
		telemetry.KeyConnection, c.id, telemetry.KeyError, err.Error())
}

// newID returns an id in the form of API Gateway's. It can stand in a path as it is.
func (a *API) newID() string {
	var b [11]byte
	// Ids are not secret. A random source that runs out gives equal ids.
	_, _ = io.ReadFull(a.options.Random, b[:])
	return base64.URLEncoding.EncodeToString(b[:])
}
