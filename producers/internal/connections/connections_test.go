package connections_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/pb33f/libopenapi"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"boxoffice/contracts"
	"boxoffice/contracts/frame"
	"boxoffice/contracts/openapi"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/sealed"
	"boxoffice/producers/internal/connections"
	"boxoffice/producers/internal/connections/connectionstest"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/socketapi"
)

const pushURL = "wss://boxoffice.example/push"

type world struct {
	t       *testing.T
	store   *connectionstest.Memory
	log     *bytes.Buffer
	now     time.Time
	http    *httpapi.Router
	sockets *socketapi.Router
	issued  []string
}

func keysOf(t *testing.T, secrets string) sealed.Keys {
	t.Helper()
	keys, err := sealed.ParseKeys(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func newWorld(t *testing.T, secrets string) *world {
	t.Helper()
	w := &world{t: t, store: connectionstest.NewMemory(), log: &bytes.Buffer{}, now: time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)}
	log, now := slog.New(slog.NewJSONHandler(w.log, nil)), func() time.Time { return w.now }
	s := &connections.Service{Store: w.store, Keys: keysOf(t, secrets), URL: pushURL, Random: rand.Reader, Log: log, Now: now}
	w.http, w.sockets = httpapi.NewRouter(s.Routes(), log, now), socketapi.NewRouter(s.SocketRoutes(), log, now)
	t.Cleanup(func() {
		for _, ticket := range w.issued {
			for part := range strings.SplitSeq(ticket, ".") {
				if strings.Contains(w.log.String(), part) {
					t.Errorf("the log has a part of a ticket: %s", w.log)
				}
			}
		}
	})
	return w
}

var (
	secretOne = "1:" + strings.Repeat("A", 43)
	secretTwo = "2:" + strings.Repeat("B", 43)
)

// ticket asks for a ticket of a user.
func (w *world) ticket(user string) string {
	w.t.Helper()
	event := events.APIGatewayV2HTTPRequest{RouteKey: "GET /api/push", RawPath: "/api/push"}
	if user != "" {
		event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": user}},
		}
	}
	response, err := w.http.Handle(w.t.Context(), event)
	var body struct {
		URL    string `json:"url"`
		Ticket string `json:"ticket"`
	}
	if err != nil || user != "" && (response.StatusCode != 200 || json.Unmarshal([]byte(response.Body), &body) != nil || body.URL != pushURL || response.Headers["Cache-Control"] != "no-store") {
		w.t.Fatalf("%+v, %v", response, err)
	}
	if user == "" && response.StatusCode != 401 {
		w.t.Errorf("without a user: %+v", response)
	}
	if body.Ticket != "" {
		w.issued = append(w.issued, body.Ticket)
	}
	return body.Ticket
}

// event sends an event of a connection.
func (w *world) event(route, connection, protocols, body string) socketapi.Response {
	w.t.Helper()
	event := events.APIGatewayWebsocketProxyRequest{Body: body, MultiValueHeaders: map[string][]string{}}
	if protocols != "" {
		event.MultiValueHeaders["Sec-WebSocket-Protocol"] = []string{protocols}
	}
	event.RequestContext.RouteKey, event.RequestContext.ConnectionID = route, connection
	response, err := w.sockets.Handle(w.t.Context(), event)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

func (w *world) connect(connection, protocols string, want int) {
	w.t.Helper()
	response := w.event("$connect", connection, protocols, "")
	if response.StatusCode != want {
		w.t.Errorf("connect with %q: %d, want %d", protocols, response.StatusCode, want)
	}
	if echoed := response.Headers["Sec-WebSocket-Protocol"]; (echoed == "boxoffice") != (want == 200) || response.Body != "" {
		w.t.Errorf("connect with %q: %+v", protocols, response)
	}
	if _, stored, err := w.store.Item(w.t.Context(), connection); err == nil && stored != (want == 200) {
		w.t.Errorf("connect with %q: stored %t", protocols, stored)
	}
}

func TestATicketOpensOneConnectionOfItsUser(t *testing.T) {
	w := newWorld(t, secretOne)
	anna, bob := w.ticket("anna"), w.ticket("bob")
	w.connect("c1", "boxoffice, "+anna, 200)
	w.connect("c2", "boxoffice,"+bob, 200)
	w.connect("c3", "boxoffice, "+anna, 403)
	for id, user := range map[string]string{"c1": "anna", "c2": "bob"} {
		want := readmodel.Connection{ConnectionID: id, UserID: user, ConnectedAt: contracts.InstantOf(w.now), ExpiresAt: w.now.Add(frame.Life + 10*time.Minute).Unix()}
		if got, _, err := w.store.Item(t.Context(), id); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if w.ticket("anna") == anna {
		t.Error("two tickets are the same")
	}
	w.ticket("")
	if !strings.Contains(w.log.String(), `"reason":"used"`) {
		t.Errorf("logged %s", w.log)
	}
}

func TestATicketEndsAfterAMinute(t *testing.T) {
	w := newWorld(t, secretOne)
	first, second := w.ticket("anna"), w.ticket("anna")
	w.now = w.now.Add(time.Minute - time.Second)
	w.connect("c1", "boxoffice, "+first, 200)
	w.now = w.now.Add(time.Second)
	w.connect("c2", "boxoffice, "+second, 401)
	if !strings.Contains(w.log.String(), `"reason":"expired"`) {
		t.Errorf("logged %s", w.log)
	}
	// The mark of a used ticket outlives the ticket, by any clock that is right to some minutes.
	decoded, err := base64.RawURLEncoding.DecodeString(strings.Split(first, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	mark, found, err := w.store.Item(t.Context(), readmodel.UsedTicket(string(decoded)))
	if want := w.now.Add(10 * time.Minute).Unix(); !found || err != nil || mark.ExpiresAt != want {
		t.Errorf("%+v, %t, %v, want the end %d", mark, found, err, want)
	}
}

func TestOthersTicketsOpenNothing(t *testing.T) {
	w := newWorld(t, secretOne)
	mine, other := w.ticket("anna"), newWorld(t, secretTwo).ticket("anna")
	parts := strings.Split(mine, ".")
	changed := func(i int, text string) string {
		forged := append([]string(nil), parts...)
		forged[i] = base64.RawURLEncoding.EncodeToString([]byte(text))
		return strings.Join(forged, ".")
	}
	for what, ticket := range map[string]string{
		"another user": changed(0, "bob"), "another nonce": changed(1, "n"), "another end": changed(2, "99999999999"), "no signature": strings.Join(parts[:3], "."),
		"another secret": other, "another purpose": keysOf(t, secretOne).Seal("refresh", "anna", "n", "99999999999"),
		"no number": keysOf(t, secretOne).Seal("push", "anna", "n", "never"), "a word": "ticket", "an access token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2ln",
	} {
		response := w.event("$connect", "c1", "boxoffice, "+ticket, "")
		if _, stored, err := w.store.Item(t.Context(), "c1"); response.StatusCode != 401 || stored || err != nil {
			t.Errorf("%s: %+v, stored %t, %v", what, response, stored, err)
		}
	}
	w.connect("c1", "boxoffice, "+mine, 200)
	// While a secret is replaced, tickets of both are good.
	both := newWorld(t, secretTwo+","+secretOne)
	both.connect("c2", "boxoffice, "+mine, 200)
	both.connect("c3", "boxoffice, "+other, 200)
}

func TestAHandshakeOffersTheSubprotocolAndATicket(t *testing.T) {
	w := newWorld(t, secretOne)
	ticket := w.ticket("anna")
	for protocols, want := range map[string]int{
		"": 400, "boxoffice": 401, ticket: 400, ticket + ", boxoffice": 400, "other, " + ticket: 400, "Boxoffice, " + ticket: 400,
		"boxoffice,": 401, "boxoffice, " + ticket + ", more": 400,
	} {
		w.connect("c1", protocols, want)
	}
	w.connect("c1", "boxoffice ,  "+ticket, 200)
}

func TestMessages(t *testing.T) {
	w := newWorld(t, secretOne)
	long := `{"type":"ping","pad":"` + strings.Repeat("x", frame.MaxFromClient) + `"}`
	for body, want := range map[string]string{
		`{"type":"ping"}`: `{"type":"pong"}`, `{"more":1, "type":"ping"}`: `{"type":"pong"}`,
		long[:frame.MaxFromClient-2] + `"}`: `{"type":"pong"}`,
		long:                                "message_too_large",
		``:                                  "invalid_json", `ping`: "invalid_json", `{"type":"ping"}{}`: "invalid_json", "{\"type\":\"\xff": "invalid_json",
		`null`: "invalid_request", `[]`: "invalid_request", `"ping"`: "invalid_request", `{}`: "invalid_request", `{"type":1}`: "invalid_request", `{"type":null}`: "invalid_request",
		`{"type":""}`: "unknown_type", `{"type":"PING"}`: "unknown_type", `{"type":"order","order":{}}`: "unknown_type",
	} {
		response := w.event("$default", "c1", "", body)
		if !strings.HasPrefix(want, "{") {
			var got frame.Error
			if err := json.Unmarshal([]byte(response.Body), &got); err != nil || got.Type != "error" || string(got.Code) != want || got.Detail == "" {
				t.Errorf("%q: %+v, want %s", body, response, want)
			}
		} else if response.Body != want {
			t.Errorf("%q: %+v, want %s", body, response, want)
		}
		if response.StatusCode != 200 {
			t.Errorf("%q: %+v", body, response)
		}
	}
	binary := events.APIGatewayWebsocketProxyRequest{Body: "eyJ0eXBlIjoicGluZyJ9", IsBase64Encoded: true}
	binary.RequestContext.RouteKey = "$default"
	if response, err := w.sockets.Handle(t.Context(), binary); err != nil || !strings.Contains(response.Body, "invalid_request") {
		t.Errorf("%+v, %v", response, err)
	}
}

func TestAConnectionThatEndsIsDeleted(t *testing.T) {
	w := newWorld(t, secretOne)
	w.connect("c1", "boxoffice, "+w.ticket("anna"), 200)
	for range 2 {
		if response := w.event("$disconnect", "c1", "", ""); response.StatusCode != 200 {
			t.Errorf("%+v", response)
		}
	}
	if _, found, err := w.store.Item(t.Context(), "c1"); found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
}

// A ticket that could not be looked up is not used up.
func TestAStoreThatFailsRefusesTheHandshakeForNow(t *testing.T) {
	w := newWorld(t, secretOne)
	ticket := w.ticket("anna")
	w.store.Fail(errors.New("down"))
	w.connect("c1", "boxoffice, "+ticket, 503)
	if response := w.event("$disconnect", "c1", "", ""); response.StatusCode != 500 {
		t.Errorf("%+v", response)
	}
	w.store.Fail(nil)
	w.connect("c1", "boxoffice, "+ticket, 200)
	if strings.Count(w.log.String(), "down") != 2 {
		t.Errorf("logged %s", w.log)
	}
}

// Whatever this function sends has the form that the contract promises, and so has the example.
func TestAnswersAreThoseOfTheContract(t *testing.T) {
	w := newWorld(t, secretOne)
	contract := contracttest.New(t)
	check := func(schema string, answer httpapi.Response) {
		t.Helper()
		if problems := contract.Problems(t, "GET", "/api/push", answer); problems != "" {
			t.Errorf("%s: %s", schema, problems)
		}
	}
	body, err := json.Marshal(map[string]string{"url": pushURL, "ticket": w.ticket("anna")})
	if err != nil {
		t.Fatal(err)
	}
	check("200", httpapi.Encoded(200, string(body), nil))
	check("401", httpapi.NewProblem(httpapi.CodeUnauthorized, "no").Response("/api/push"))
	if problems := contract.Problems(t, "GET", "/api/push", httpapi.Encoded(200, `{"url":"https://x","ticket":"a b"}`, nil)); problems == "" {
		t.Error("the contract allows anything")
	}
	for sent, want := range map[string]string{`{"type":"ping"}`: "PushPong", `{"type":"pong"}`: "PushError", "x": "PushError"} {
		for _, name := range []string{"PushPong", "PushError", "PushOrder"} {
			err := frameSchema(t, name).Validate(decoded(t, w.event("$default", "c1", "", sent).Body))
			if (err == nil) != (name == want) {
				t.Errorf("the answer to %s is a %s: %v", sent, name, err)
			}
		}
	}
	refused := &readmodel.Payment{ClientSecret: "s", LastError: &readmodel.PaymentError{Code: "card_declined", Message: "Try another card."}}
	paid := &readmodel.Payment{ClientSecret: "s", Card: &readmodel.Card{Brand: "visa", Last4: "4242"}}
	for status, payment := range map[contracts.Status]*readmodel.Payment{contracts.Held: nil, contracts.AwaitingPayment: refused, contracts.Confirmed: paid} {
		row := readmodel.Order{OrderID: "e1", Version: 1, Status: status, Payment: payment, History: []readmodel.HistoryEntry{{Status: status, Version: 1, At: 1, Cause: "PlaceOrder"}}}
		order, err := json.Marshal(frame.NewOrder(orderview.Of(row, orderview.With{Timeline: true, Card: true, Payment: true})))
		if err != nil {
			t.Fatal(err)
		}
		if err := frameSchema(t, "PushOrder").Validate(decoded(t, string(order))); err != nil {
			t.Errorf("%s: %v", order, err)
		}
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// frameSchema returns a schema of the contract. OpenAPI 3.1 has the schemas of JSON Schema.
func frameSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := model.Model.RenderJSON("")
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", decoded(t, string(encoded))); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}
