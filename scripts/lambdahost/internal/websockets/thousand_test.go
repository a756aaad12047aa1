package websockets

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/coder/websocket"
)

// heldBack answers a handshake when it is released.
func heldBack(release <-chan struct{}) func(events.APIGatewayWebsocketProxyRequest) (any, error) {
	return func(events.APIGatewayWebsocketProxyRequest) (any, error) {
		<-release
		return map[string]int{"statusCode": 200}, nil
	}
}

// A thousand buyers are connected at once, each gets what is sent to him and nothing else, and the memory of a connection is small.
func TestAThousandConnections(t *testing.T) {
	const n, atOnce = 1000, 50
	// Both ends of each connection are in this process.
	const maxKilobytes = 150
	s := newStand(t, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	conns := make([]*websocket.Conn, n)
	parallel := func(do func(i int)) {
		var wait sync.WaitGroup
		turns := make(chan struct{}, atOnce)
		for i := range n {
			turns <- struct{}{}
			wait.Go(func() {
				defer func() { <-turns }()
				do(i)
			})
		}
		wait.Wait()
	}
	parallel(func(i int) {
		conn, _, err := websocket.Dial(t.Context(), fmt.Sprintf("%s?n=%d", s.url, i), nil) //nolint:bodyclose // Dial closes it
		if err != nil {
			t.Errorf("connection %d: %v", i, err)
			return
		}
		conns[i] = conn
	})
	if t.Failed() {
		t.FailNow()
	}
	await(t, func() bool { return s.api.Status().Open == n })
	connected := time.Since(begun)
	runtime.GC()
	runtime.ReadMemStats(&after)
	kilobytes := float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse) / n / 1024
	ids := make([]string, n)
	for _, e := range s.of("CONNECT") {
		var i int
		if _, err := fmt.Sscan(e.QueryStringParameters["n"], &i); err != nil {
			t.Fatal(err)
		}
		ids[i] = e.RequestContext.ConnectionID
	}
	client := s.client()
	begun = time.Now()
	parallel(func(i int) {
		if _, err := client.PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: aws.String(ids[i]), Data: fmt.Append(nil, i)}); err != nil {
			t.Errorf("post %d: %v", i, err)
			return
		}
		if _, got, err := conns[i].Read(t.Context()); err != nil || string(got) != fmt.Sprint(i) {
			t.Errorf("connection %d got %q, %v", i, got, err)
		}
	})
	sent := time.Since(begun)
	parallel(func(i int) { _ = conns[i].CloseNow() })
	s.awaits(t, "DISCONNECT", n)
	t.Logf("%d connections in %s, %.0f KB each for both ends; a message to each in %s (%.0f a second)", n, connected.Round(time.Millisecond), kilobytes, sent.Round(time.Millisecond), n/sent.Seconds())
	if kilobytes > maxKilobytes {
		t.Errorf("a connection takes %.0f KB, want at most %d", kilobytes, maxKilobytes)
	}
}
