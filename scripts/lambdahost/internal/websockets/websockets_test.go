package websockets

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/coder/websocket"

	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// function is a function that keeps its events. Connect answers handshakes, Message answers messages.
type function struct {
	mu      sync.Mutex
	events  []events.APIGatewayWebsocketProxyRequest
	raw     []string
	connect func(events.APIGatewayWebsocketProxyRequest) (any, error)
	message func(events.APIGatewayWebsocketProxyRequest) (any, error)
}

func (f *function) invoke(_ context.Context, name string, i runtimeapi.Invocation) ([]byte, error) {
	var e events.APIGatewayWebsocketProxyRequest
	if err := json.Unmarshal(i.Payload, &e); err != nil || name != "f" || i.Trace == "" {
		return nil, errors.Join(err, errors.New("no event"))
	}
	f.mu.Lock()
	f.events, f.raw = append(f.events, e), append(f.raw, string(i.Payload))
	f.mu.Unlock()
	var answer any = map[string]int{"statusCode": 200}
	var err error
	switch {
	case e.RequestContext.EventType == "CONNECT" && f.connect != nil:
		answer, err = f.connect(e)
	case e.RequestContext.EventType == "MESSAGE" && f.message != nil:
		answer, err = f.message(e)
	}
	if err != nil {
		return nil, err
	}
	if text, ok := answer.(string); ok {
		return []byte(text), nil
	}
	return json.Marshal(answer)
}

// of returns the events of a type.
func (f *function) of(kind string) (found []events.APIGatewayWebsocketProxyRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.RequestContext.EventType == kind {
			found = append(found, e)
		}
	}
	return found
}

// awaits waits until there are n events of a type.
func (f *function) awaits(t *testing.T, kind string, n int) []events.APIGatewayWebsocketProxyRequest {
	t.Helper()
	await(t, func() bool { return len(f.of(kind)) >= n })
	return f.of(kind)
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 20 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type stand struct {
	*function
	api        *API
	url        string
	management string
}

func newStand(t *testing.T, change func(*Options)) *stand {
	t.Helper()
	f := &function{}
	options := Options{Function: "f", Invoke: f.invoke, Idle: IdleLimit, Life: LifeLimit, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Random: rand.Reader}
	if change != nil {
		change(&options)
	}
	api := New(options)
	server, management := httptest.NewServer(api), httptest.NewServer(api.Management())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := api.Stop(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
		management.Close()
		if opened, ended := len(f.of("CONNECT")), len(f.of("DISCONNECT")); ended > opened {
			t.Errorf("%d connections opened and %d ended", opened, ended)
		}
	})
	return &stand{function: f, api: api, url: "ws" + strings.TrimPrefix(server.URL, "http") + Path, management: management.URL + Path}
}

// dial opens a connection. It closes with the test.
func (s *stand) dial(t *testing.T, protocols ...string) *websocket.Conn {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), s.url+"?from=test&from=again", &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		Subprotocols: protocols, HTTPHeader: http.Header{"Origin": {"https://other.example"}, "User-Agent": {"tester"}},
	})
	if err != nil {
		t.Fatalf("%+v, %v", response, err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func read(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	kind, data, err := conn.Read(ctx)
	if err != nil || kind != websocket.MessageText {
		t.Fatalf("%v %q, %v", kind, data, err)
	}
	return string(data)
}

func send(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// closed reads until the connection is closed and returns with what code.
func closed(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestEventsHaveTheFormOfAPIGateway(t *testing.T) {
	s := newStand(t, nil)
	s.connect = func(events.APIGatewayWebsocketProxyRequest) (any, error) {
		return map[string]any{"statusCode": 200, "headers": map[string]string{"sec-websocket-protocol": "boxoffice"}}, nil
	}
	s.message = func(e events.APIGatewayWebsocketProxyRequest) (any, error) {
		return map[string]any{"statusCode": 200, "body": "got " + e.Body}, nil
	}
	before := time.Now().UnixMilli()
	conn := s.dial(t, "boxoffice", "a-ticket")
	if conn.Subprotocol() != "boxoffice" {
		t.Errorf("answered with subprotocol %q", conn.Subprotocol())
	}
	send(t, conn, `{"type":"ping"}`)
	if got := read(t, conn); got != `got {"type":"ping"}` {
		t.Errorf("answered %s", got)
	}
	if err := conn.Close(websocket.StatusCode(4001), "enough"); err != nil {
		t.Error(err)
	}
	s.awaits(t, "DISCONNECT", 1)
	all := []events.APIGatewayWebsocketProxyRequest{s.of("CONNECT")[0], s.of("MESSAGE")[0], s.of("DISCONNECT")[0]}
	for i, route := range []string{"$connect", "$default", "$disconnect"} {
		about := all[i].RequestContext
		if about.RouteKey != route || about.ConnectionID != all[0].RequestContext.ConnectionID || !idForm.MatchString(about.ConnectionID) || about.Stage != "push" ||
			about.DomainName != "127.0.0.1" || about.APIID != "local" || about.ConnectedAt < before || about.RequestTimeEpoch < about.ConnectedAt ||
			about.Identity.SourceIP != "127.0.0.1" || about.Identity.UserAgent != "tester" || about.RequestID == "" || about.MessageDirection != "IN" || all[i].IsBase64Encoded {
			t.Errorf("%s: %+v", route, about)
		}
		if _, err := time.Parse("02/Jan/2006:15:04:05 -0700", about.RequestTime); err != nil {
			t.Error(err)
		}
	}
	connect := all[0]
	for name, want := range map[string]string{"Sec-WebSocket-Protocol": "boxoffice,a-ticket", "Origin": "https://other.example", "X-Forwarded-For": "127.0.0.1"} {
		if connect.Headers[name] != want || !slices.Equal(connect.MultiValueHeaders[name], []string{want}) {
			t.Errorf("header %s is %q and %q", name, connect.Headers[name], connect.MultiValueHeaders[name])
		}
	}
	if _, there := connect.Headers["Upgrade"]; there || connect.QueryStringParameters["from"] != "again" || len(connect.MultiValueQueryStringParameters["from"]) != 2 {
		t.Errorf("%+v", connect)
	}
	if all[1].Headers != nil || all[1].Body != `{"type":"ping"}` || all[1].RequestContext.MessageID == "" {
		t.Errorf("%+v", all[1])
	}
	if reason := all[2].RequestContext.DisconnectReason; all[2].RequestContext.DisconnectStatusCode != 4001 || reason == nil || *reason != "enough" {
		t.Errorf("%+v", all[2].RequestContext)
	}
	if strings.Contains(s.raw[1], "headers") || strings.Contains(s.raw[0], `"body"`) {
		t.Errorf("events have members of others: %v", s.raw)
	}
}

func TestTheFunctionDecidesAboutTheHandshake(t *testing.T) {
	s := newStand(t, nil)
	for name, c := range map[string]struct {
		answer any
		err    error
		status int
	}{
		"401": {answer: map[string]int{"statusCode": 401}, status: 401}, "403": {answer: map[string]int{"statusCode": 403}, status: 403},
		"503": {answer: map[string]int{"statusCode": 503}, status: 503}, "299": {answer: map[string]int{"statusCode": 299}, status: 101},
		"a status that ends nothing": {answer: map[string]int{"statusCode": 101}, status: 500}, "no such status": {answer: map[string]int{"statusCode": 999}, status: 500},
		"an error": {err: errors.New("it failed"), status: 502}, "no status": {answer: map[string]string{"body": "x"}, status: 502}, "no JSON": {answer: "nonsense", status: 502},
	} {
		s.connect = func(events.APIGatewayWebsocketProxyRequest) (any, error) { return c.answer, c.err }
		conn, response, err := websocket.Dial(t.Context(), s.url, nil) //nolint:bodyclose // Dial closes it
		if response == nil || response.StatusCode != c.status || (err == nil) != (c.status == 101) {
			t.Errorf("%s: %+v, %v", name, response, err)
		}
		if err == nil {
			_ = conn.CloseNow()
		}
	}
}

// A request that is no handshake reaches no function.
func TestOtherRequestsAreRefused(t *testing.T) {
	s := newStand(t, nil)
	for name, change := range map[string]func(*http.Request){
		"none":       func(r *http.Request) { r.Header = http.Header{} },
		"no upgrade": func(r *http.Request) { r.Header.Del("Upgrade") },
		"version":    func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") },
		"key":        func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "short") },
		"method":     func(r *http.Request) { r.Method = http.MethodPost },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(s.url, "ws"), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for header, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			r.Header.Set(header, value)
		}
		change(r)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != 403 {
			t.Errorf("%s: %d, %v", name, response.StatusCode, err)
		}
	}
	if len(s.of("CONNECT")) > 0 {
		t.Error("the function was invoked")
	}
}

func TestLimitsOfMessages(t *testing.T) {
	s := newStand(t, nil)
	s.message = func(e events.APIGatewayWebsocketProxyRequest) (any, error) {
		return map[string]any{"statusCode": 200, "body": "ok " + string(rune('0'+len(e.Body)%10))}, nil
	}
	// A message of several frames may have 128 KB, each frame 32 KB.
	frames := func(sizes ...int) *websocket.Conn {
		conn := s.dial(t)
		w, err := conn.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes {
			if _, err := w.Write([]byte(strings.Repeat("x", size))); err != nil {
				break // the other end has closed
			}
		}
		_ = w.Close()
		return conn
	}
	if got := read(t, frames(maxFrame, maxFrame, maxFrame, maxFrame)); got != "ok 2" {
		t.Errorf("128 KB in frames of 32 KB: %s", got)
	}
	for name, conn := range map[string]*websocket.Conn{
		"a frame of over 32 KB": frames(10, maxFrame+1), "a message of over 128 KB": frames(maxFrame, maxFrame, maxFrame, maxFrame, 1),
	} {
		if code := closed(t, conn); code != websocket.StatusMessageTooBig {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	binary := s.dial(t)
	if err := binary.Write(t.Context(), websocket.MessageBinary, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if code := closed(t, binary); code != websocket.StatusUnsupportedData {
		t.Errorf("binary: closed with %d", code)
	}
	for _, e := range s.awaits(t, "DISCONNECT", 3) {
		if code := e.RequestContext.DisconnectStatusCode; code != 1009 && code != 1003 {
			t.Errorf("%+v", e.RequestContext)
		}
	}
	if n := len(s.of("MESSAGE")); n != 1 {
		t.Errorf("%d messages reached the function", n)
	}
}

func TestAMessageThatFailsIsAnsweredAndTheConnectionStays(t *testing.T) {
	s := newStand(t, nil)
	conn := s.dial(t)
	s.message = func(e events.APIGatewayWebsocketProxyRequest) (any, error) {
		switch e.Body {
		case "fail":
			return nil, errors.New("it failed")
		case "silent":
			return map[string]int{"statusCode": 200}, nil
		}
		return map[string]any{"statusCode": 500, "body": "ZWNobw==", "isBase64Encoded": true}, nil
	}
	send(t, conn, "fail")
	if got := read(t, conn); !strings.Contains(got, `"message":"Internal server error"`) || !strings.Contains(got, `"connectionId":"`+s.of("CONNECT")[0].RequestContext.ConnectionID) {
		t.Errorf("answered %s", got)
	}
	send(t, conn, "silent")
	send(t, conn, "echo")
	if got := read(t, conn); got != "echo" {
		t.Errorf("answered %s", got)
	}
}

func TestIdleAndLongConnectionsAreClosed(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"idle": func(o *Options) { o.Idle = 600 * time.Millisecond },
		"life": func(o *Options) { o.Life = 300 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, change)
			conn := s.dial(t)
			// Messages of either side keep a connection from being idle, and do not make it live longer.
			begun := time.Now()
			stop := make(chan struct{})
			go func() {
				for time.Since(begun) < 1200*time.Millisecond {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
						_ = conn.Write(context.Background(), websocket.MessageText, []byte("x"))
					}
				}
			}()
			code := closed(t, conn)
			took := time.Since(begun)
			close(stop)
			if code != websocket.StatusGoingAway {
				t.Errorf("closed with %d", code)
			}
			if name == "idle" && took < 1200*time.Millisecond || name == "life" && took < 300*time.Millisecond {
				t.Errorf("closed after %s", took)
			}
			if how := s.awaits(t, "DISCONNECT", 1)[0].RequestContext; how.DisconnectStatusCode != 1001 {
				t.Errorf("%+v", how)
			}
		})
	}
}

// The function hears of the end however the connection ends, and once.
func TestTheFunctionHearsOfEveryEnd(t *testing.T) {
	s := newStand(t, nil)
	abnormal, silent := s.dial(t), s.dial(t)
	_ = abnormal.CloseNow()
	if how := s.awaits(t, "DISCONNECT", 1)[0].RequestContext; how.DisconnectStatusCode != 1006 {
		t.Errorf("a lost connection: %+v", how)
	}
	if err := silent.Close(websocket.StatusNoStatusRcvd, ""); err != nil {
		t.Error(err)
	}
	if how := s.awaits(t, "DISCONNECT", 2)[1].RequestContext; how.DisconnectStatusCode != 1005 {
		t.Errorf("a close without a status: %+v", how)
	}
	if got := s.api.Status(); got.Open != 0 || got.Opened != 2 {
		t.Errorf("%+v", got)
	}
}

func TestStopClosesEveryConnection(t *testing.T) {
	s := newStand(t, nil)
	conns := []*websocket.Conn{s.dial(t), s.dial(t)}
	codes := make(chan websocket.StatusCode, len(conns))
	for _, conn := range conns {
		go func() {
			_, _, err := conn.Read(context.Background())
			codes <- websocket.CloseStatus(err)
		}()
	}
	if err := s.api.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for range conns {
		if code := <-codes; code != websocket.StatusGoingAway {
			t.Errorf("closed with %d", code)
		}
	}
	if n := len(s.of("DISCONNECT")); n != len(conns) {
		t.Errorf("the function heard of %d ends when the API had stopped", n)
	}
	if _, response, err := websocket.Dial(t.Context(), s.url, nil); err == nil || response.StatusCode != 503 { //nolint:bodyclose // Dial closes it
		t.Errorf("%+v, %v", response, err)
	}
}
