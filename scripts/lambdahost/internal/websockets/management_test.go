package websockets

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/smithy-go"
	"github.com/coder/websocket"
)

// client is the SDK's client, as a function uses it.
func (s *stand) client() *apigatewaymanagementapi.Client {
	return apigatewaymanagementapi.NewFromConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.management), Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), RetryMaxAttempts: 1,
	})
}

func TestTheSDKManagesConnections(t *testing.T) {
	s := newStand(t, nil)
	conn, client := s.dial(t), s.client()
	id := aws.String(s.of("CONNECT")[0].RequestContext.ConnectionID)
	await(t, func() bool { return s.api.Status().Open == 1 })
	for _, text := range []string{`{"type":"order"}`, strings.Repeat("x", MaxMessage), "ä"} {
		conn.SetReadLimit(MaxMessage)
		if _, err := client.PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: id, Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, conn); got != text {
			t.Errorf("%d bytes came as %d", len(text), len(got))
		}
	}
	about, err := client.GetConnection(t.Context(), &apigatewaymanagementapi.GetConnectionInput{ConnectionId: id})
	if err != nil || about.ConnectedAt == nil || time.Since(*about.ConnectedAt) > time.Minute || about.LastActiveAt.Before(*about.ConnectedAt) || *about.Identity.SourceIp != "127.0.0.1" || *about.Identity.UserAgent != "tester" {
		t.Errorf("%+v, %v", about, err)
	}
	if _, err := client.DeleteConnection(t.Context(), &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: id}); err != nil {
		t.Error(err)
	}
	if code := closed(t, conn); code != websocket.StatusNormalClosure {
		t.Errorf("closed with %d", code)
	}
	s.awaits(t, "DISCONNECT", 1)
	// From then on it is gone.
	var gone *types.GoneException
	_, errPost := client.PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: id, Data: []byte("x")})
	_, errGet := client.GetConnection(t.Context(), &apigatewaymanagementapi.GetConnectionInput{ConnectionId: id})
	_, errDelete := client.DeleteConnection(t.Context(), &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: id})
	for i, err := range []error{errPost, errGet, errDelete} {
		if !errors.As(err, &gone) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestTheSDKGetsTheErrorsOfAWS(t *testing.T) {
	s := newStand(t, nil)
	s.dial(t)
	id := aws.String(s.of("CONNECT")[0].RequestContext.ConnectionID)
	await(t, func() bool { return s.api.Status().Open == 1 })
	var large *types.PayloadTooLargeException
	if _, err := s.client().PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: id, Data: make([]byte, MaxMessage+1)}); !errors.As(err, &large) {
		t.Errorf("too large: %v", err)
	}
	var api smithy.APIError
	if _, err := s.client().PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: aws.String("a b"), Data: []byte("x")}); !errors.As(err, &api) || api.ErrorCode() != "BadRequestException" {
		t.Errorf("no id: %v", err)
	}
	elsewhere := *s
	elsewhere.management += "/other"
	var forbidden *types.ForbiddenException
	if _, err := elsewhere.client().PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: id, Data: []byte("x")}); !errors.As(err, &forbidden) {
		t.Errorf("another stage: %v", err)
	}
	// Without a signature.
	response, err := http.Post(s.management+"/@connections/"+*id, "text/plain", strings.NewReader("x")) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != 403 || !strings.Contains(string(body), "Missing Authentication Token") {
		t.Errorf("%d %s, %v", response.StatusCode, body, err)
	}
}

// As on AWS, nothing can be sent before the handshake is answered.
func TestAConnectionIsGoneUntilItsHandshakeIsAnswered(t *testing.T) {
	s := newStand(t, nil)
	release := make(chan struct{})
	s.connect = heldBack(release)
	opened := make(chan *websocket.Conn, 1)
	go func() {
		conn, _, err := websocket.Dial(t.Context(), s.url, nil) //nolint:bodyclose // Dial closes it
		if err != nil {
			t.Error(err)
		}
		opened <- conn
	}()
	id := aws.String(s.awaits(t, "CONNECT", 1)[0].RequestContext.ConnectionID)
	post := func() error {
		_, err := s.client().PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: id, Data: []byte("early")})
		return err
	}
	var gone *types.GoneException
	if err := post(); !errors.As(err, &gone) {
		t.Errorf("%v", err)
	}
	close(release)
	conn := <-opened
	t.Cleanup(func() { _ = conn.CloseNow() })
	await(t, func() bool { return s.api.Status().Open == 1 })
	if err := post(); err != nil || read(t, conn) != "early" {
		t.Errorf("%v", err)
	}
}
