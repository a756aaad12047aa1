package main

import (
	"context"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/coder/websocket"
)

// A whole host with a WebSocket API: a connection through the edge and one past it, the real runtime, the SDK at the control endpoint,
// and the end of the host.
func TestHostWithWebSockets(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--edge", "127.0.0.1:0", "--websocket-idle", "1h")
	read := func(conn *websocket.Conn) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	client := apigatewaymanagementapi.NewFromConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.control + "/push"), Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	var conns []*websocket.Conn
	for _, address := range []string{s.edge, s.gateway} {
		conn, response, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(address, "http")+"/push", nil) //nolint:bodyclose // Dial closes it
		if err != nil {
			t.Fatalf("%s: %+v, %v", address, response, err)
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		if through := response.Header.Get("X-Cache"); (through != "") != (address == s.edge) {
			t.Errorf("%s: X-Cache %q", address, through)
		}
		conns = append(conns, conn)
		// The function of the tests answers with its event.
		if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		var e events.APIGatewayWebsocketProxyRequest
		if got := read(conn); json.Unmarshal([]byte(got), &e) != nil || e.Body != "hello" || e.RequestContext.RouteKey != "$default" {
			t.Fatalf("answered %s", got)
		}
		if _, err := client.PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &e.RequestContext.ConnectionID, Data: []byte("posted")}); err != nil {
			t.Fatal(err)
		}
		if got := read(conn); got != "posted" {
			t.Errorf("got %s", got)
		}
	}
	sources := s.status(t).Sources
	if last := sources[len(sources)-1]; last["kind"] != "websocket" || last["open"] != 2.0 {
		t.Errorf("status %v", last)
	}
	codes := make(chan websocket.StatusCode, len(conns))
	for _, conn := range conns {
		go func() {
			_, _, err := conn.Read(context.Background())
			codes <- websocket.CloseStatus(err)
		}()
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range conns {
		if code := <-codes; code != websocket.StatusGoingAway {
			t.Errorf("closed with %d", code)
		}
	}
	if err := <-s.exited; err != nil {
		t.Errorf("the host ended with %v", err)
	}
}
