package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/coder/websocket"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// pushTicket asks for a ticket.
func pushTicket(t *testing.T, c *apiclient.Client) (url, ticket string) {
	t.Helper()
	answer, err := c.Do(t.Context(), http.MethodGet, "/push", nil, nil)
	var body struct{ URL, Ticket string }
	if err != nil || answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &body) != nil || body.Ticket == "" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s, %v", answer.Status, answer.Body, err)
	}
	return body.URL, body.Ticket
}

// connected opens a connection with subprotocols. status is that of a refused handshake.
func connected(t *testing.T, url string, protocols ...string) (conn *websocket.Conn, status int) {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: protocols}) //nolint:bodyclose // Dial closes it
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if conn.Subprotocol() != "boxoffice" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	return conn, http.StatusSwitchingProtocols
}

func receive(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	kind, data, err := conn.Read(ctx)
	if err != nil || kind != websocket.MessageText {
		t.Fatalf("%v %q, %v", kind, data, err)
	}
	return string(data)
}

// connectionsOf returns the items of a user's connections, by the index that notify reads.
func connectionsOf(t *testing.T, s *stack, user string) (ids []string) {
	t.Helper()
	out, err := s.Dynamo.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(s.Table("connections")), IndexName: aws.String(readmodel.IndexConnectionsOfAccount), KeyConditionExpression: aws.String("userId = :u"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":u": &types.AttributeValueMemberS{Value: user}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range out.Items {
		if id, ok := item["connectionId"].(*types.AttributeValueMemberS); ok {
			ids = append(ids, id.Value)
		}
	}
	return ids
}

func TestABuyerIsConnectedByATicket(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	user := testbed.Named("push")
	c := s.signedIn(t, user)
	if answer, err := s.withToken(t, "").Do(t.Context(), http.MethodGet, "/push", nil, nil); err != nil || answer.Status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s, %v", answer.Status, answer.Body, err)
	}
	url, ticket := pushTicket(t, c)
	if url != os.Getenv("PUSH_URL") {
		t.Errorf("the address is %s", url)
	}
	for what, c := range map[string]struct {
		protocols []string
		want      int
	}{
		"no subprotocol": {nil, 400}, "no ticket": {[]string{"boxoffice"}, 401}, "the ticket alone": {[]string{ticket}, 400},
		"a forged ticket": {[]string{"boxoffice", "x" + ticket}, 401}, "an access token": {[]string{"boxoffice", c.Token}, 401},
	} {
		if _, status := connected(t, url, c.protocols...); status != c.want {
			t.Errorf("%s: %d, want %d", what, status, c.want)
		}
	}
	conn, status := connected(t, url, "boxoffice", ticket)
	if conn == nil {
		t.Fatalf("refused with %d", status)
	}
	if _, status := connected(t, url, "boxoffice", ticket); status != http.StatusForbidden {
		t.Errorf("the ticket again: %d", status)
	}
	for sent, want := range map[string]string{`{"type":"ping"}`: `{"type":"pong"}`, `{"type":"hello"}`: `"code":"unknown_type"`, `hello`: `"code":"invalid_json"`} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(sent)); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, conn); !strings.Contains(got, want) {
			t.Errorf("%s is answered with %s", sent, got)
		}
	}

	// notify finds the connection by its buyer and sends over it as any program does with the SDK.
	ids := connectionsOf(t, s, user)
	if len(ids) != 1 {
		t.Fatalf("connections %v", ids)
	}
	client := apigatewaymanagementapi.New(apigatewaymanagementapi.Options{
		Region: os.Getenv("AWS_REGION"), BaseEndpoint: aws.String(os.Getenv("CONNECTIONS_URL")),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
	if _, err := client.PostToConnection(t.Context(), &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &ids[0], Data: []byte(`{"type":"order"}`)}); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, conn); got != `{"type":"order"}` {
		t.Errorf("got %s", got)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(connectionsOf(t, s, user)) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("a connection that has ended is still stored")
		}
		time.Sleep(50 * time.Millisecond)
	}

	// No ticket is in a log.
	logs, err := filepath.Glob(filepath.Join(os.Getenv("STACK_LOGS"), "*"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs %v, %v", logs, err)
	}
	for _, log := range logs {
		content, err := os.ReadFile(log) //nolint:gosec // a log of the stack
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(ticket, ".") {
			if strings.Contains(string(content), part) {
				t.Errorf("%s has a part of the ticket: %s", filepath.Base(log), part)
			}
		}
	}
}

// A thousand buyers are connected at once; each has an item, and none is left when they are gone.
func TestAThousandBuyersAreConnected(t *testing.T) {
	s := requireStack(t)
	if os.Getenv("PUSH_URL") == "" {
		t.Skip("the stack has no PUSH_URL")
	}
	const n, atOnce = 1000, 50
	c := s.signedIn(t, testbed.Named("thousand"))
	begun := time.Now()
	conns := make(chan *websocket.Conn, n)
	failed := make(chan error, n)
	turns := make(chan struct{}, atOnce)
	for range n {
		turns <- struct{}{}
		go func() {
			defer func() { <-turns }()
			answer, err := c.Do(t.Context(), http.MethodGet, "/push", nil, nil)
			var body struct{ URL, Ticket string }
			if err == nil {
				err = json.Unmarshal(answer.Body, &body)
			}
			if err != nil {
				failed <- err
				return
			}
			conn, response, err := websocket.Dial(t.Context(), body.URL, &websocket.DialOptions{Subprotocols: []string{"boxoffice", body.Ticket}}) //nolint:bodyclose // Dial closes it
			if err != nil {
				failed <- fmt.Errorf("%v: %w", response, err)
				return
			}
			conns <- conn
		}()
	}
	var all []*websocket.Conn
	for range n {
		select {
		case conn := <-conns:
			all = append(all, conn)
		case err := <-failed:
			t.Error(err)
		}
	}
	took := time.Since(begun)
	t.Logf("%d connections with tickets in %s (%.0f a second)", len(all), took.Round(time.Millisecond), float64(len(all))/took.Seconds())
	begun = time.Now()
	for _, conn := range all {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)); err != nil {
			t.Error(err)
		}
	}
	for _, conn := range all {
		if got := receive(t, conn); got != `{"type":"pong"}` {
			t.Errorf("got %s", got)
		}
	}
	took = time.Since(begun)
	t.Logf("%d pings answered in %s (%.0f a second)", len(all), took.Round(time.Millisecond), float64(len(all))/took.Seconds())
	for _, conn := range all {
		_ = conn.CloseNow()
	}
}

// Logging out closes the connections of the account, on every device, and no others.
func TestLogoutClosesConnections(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	specified, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, found := specified.FunctionNamed("notify"); !found {
		t.Skip("the topology has no function notify, which closes connections")
	}
	p := &person{Client: s.withToken(t, ""), stack: s}
	mail := strings.ToLower(testbed.Named("logout")) + "@example.com"
	p.signIn(t, p.send(t, http.MethodPost, "/auth/signup", fmt.Sprintf(`{"email":%q,"password":"korrekt pferd batterie","name":"Anna Berg"}`, mail), http.StatusCreated))
	open := func(c *apiclient.Client) *websocket.Conn {
		t.Helper()
		url, ticket := pushTicket(t, c)
		conn, status := connected(t, url, "boxoffice", ticket)
		if conn == nil {
			t.Fatalf("refused with %d", status)
		}
		return conn
	}
	mine, other := []*websocket.Conn{open(p.Client), open(p.Client)}, open(s.signedIn(t, testbed.Named("other")))
	p.send(t, http.MethodPost, "/auth/logout", "", http.StatusNoContent)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, conn := range mine {
		if _, data, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("after the logout: %q, %v", data, err)
		}
	}
	if err := other.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, other); got != `{"type":"pong"}` {
		t.Errorf("another buyer got %s", got)
	}
}
