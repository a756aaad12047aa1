package websockets

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// event is an event of a WebSocket API as JSON. Only a handshake has the client's headers.
type event struct {
	Headers                         map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders,omitempty"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters,omitempty"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters,omitempty"`
	RequestContext                  requestContext      `json:"requestContext"`
	Body                            *string             `json:"body,omitempty"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`

	trace string
}

type requestContext struct {
	RouteKey             string   `json:"routeKey"`
	MessageID            string   `json:"messageId,omitempty"`
	EventType            string   `json:"eventType"`
	DisconnectStatusCode int      `json:"disconnectStatusCode,omitempty"`
	DisconnectReason     *string  `json:"disconnectReason,omitempty"`
	ExtendedRequestID    string   `json:"extendedRequestId"`
	RequestTime          string   `json:"requestTime"`
	MessageDirection     string   `json:"messageDirection"`
	Stage                string   `json:"stage"`
	ConnectedAt          int64    `json:"connectedAt"`
	RequestTimeEpoch     int64    `json:"requestTimeEpoch"`
	Identity             identity `json:"identity"`
	RequestID            string   `json:"requestId"`
	DomainName           string   `json:"domainName"`
	ConnectionID         string   `json:"connectionId"`
	APIID                string   `json:"apiId"`
}

// identity is who opened the connection.
type identity struct {
	UserAgent string `json:"userAgent,omitempty"`
	SourceIP  string `json:"sourceIp"`
}

// apiID replaces the id that AWS gives an API.
const apiID = "local"

func sourceOf(r *http.Request) identity {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return identity{UserAgent: r.UserAgent(), SourceIP: host}
}

func domainOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

func (c *connection) context(route, kind, requestID string) requestContext {
	now := c.api.options.Now()
	return requestContext{
		RouteKey: route, EventType: kind, ExtendedRequestID: requestID, RequestID: requestID, MessageDirection: "IN",
		RequestTime: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), RequestTimeEpoch: now.UnixMilli(),
		Stage: topology.WebSocketStage, ConnectedAt: c.at.UnixMilli(), Identity: c.source, DomainName: c.domain, ConnectionID: c.id, APIID: apiID,
	}
}

// notPassed belong to the connection between client and gateway.
var notPassed = map[string]bool{"Connection": true, "Upgrade": true}

func (c *connection) connectEvent(r *http.Request, requestID string) event {
	e := event{
		Headers: map[string]string{"Host": r.Host}, MultiValueHeaders: map[string][]string{"Host": {r.Host}},
		RequestContext: c.context(topology.RouteConnect, "CONNECT", requestID),
		trace:          runtimeapi.NewTrace(c.at, c.api.options.Random),
	}
	add := func(name string, values ...string) {
		e.Headers[name], e.MultiValueHeaders[name] = values[len(values)-1], values
	}
	for name, values := range r.Header {
		if !notPassed[name] {
			// AWS passes the client's spelling, which Go has changed: no program may rely on either.
			add(strings.Replace(name, "Sec-Websocket-", "Sec-WebSocket-", 1), values...)
		}
	}
	add("X-Amzn-Trace-Id", e.trace)
	add("X-Forwarded-For", strings.Join(append(r.Header.Values("X-Forwarded-For"), c.source.SourceIP), ", "))
	add("X-Forwarded-Proto", "http")
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		add("X-Forwarded-Port", port)
	}
	// Pairs that cannot be decoded are left out.
	query, _ := url.ParseQuery(r.URL.RawQuery)
	for name, values := range query {
		if e.QueryStringParameters == nil {
			e.QueryStringParameters, e.MultiValueQueryStringParameters = map[string]string{}, map[string][]string{}
		}
		e.QueryStringParameters[name], e.MultiValueQueryStringParameters[name] = values[len(values)-1], values
	}
	return e
}

func (c *connection) messageEvent(body, requestID string) event {
	e := event{RequestContext: c.context(topology.RouteMessage, "MESSAGE", requestID), Body: &body, trace: c.newTrace()}
	e.RequestContext.MessageID = c.api.newID()
	return e
}

func (c *connection) disconnectEvent(how closing, requestID string) event {
	e := event{
		// AWS sends these headers with these values, whatever the handshake had.
		Headers:           map[string]string{"Host": c.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""},
		MultiValueHeaders: map[string][]string{"Host": {c.domain}, "x-api-key": {""}, "X-Forwarded-For": {""}, "x-restapi": {""}},
		RequestContext:    c.context(topology.RouteDisconnect, "DISCONNECT", requestID), trace: c.newTrace(),
	}
	e.RequestContext.DisconnectStatusCode, e.RequestContext.DisconnectReason = int(how.code), &how.reason
	return e
}

func (c *connection) newTrace() string {
	return runtimeapi.NewTrace(c.api.options.Now(), c.api.options.Random)
}

// instant is the form of times in the management API.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
