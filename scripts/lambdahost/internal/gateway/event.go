package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// event is payload format 2.0 as JSON. Empty members are left out.
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	Body                  *string           `json:"body,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	Authorizer   *authorizer `json:"authorizer,omitempty"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         httpContext `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

type authorizer struct {
	JWT authorizedJWT `json:"jwt"`
}

// authorizedJWT has the route's scopes; AWS sends null if there are none.
type authorizedJWT struct {
	Claims map[string]string `json:"claims"`
	Scopes []string          `json:"scopes"`
}

// apiID replaces the id that AWS gives an API.
const apiID = "local"

// incoming is a request together with everything that the gateway derived from it.
type incoming struct {
	request   *http.Request
	matched   match
	body      []byte
	claims    map[string]string
	requestID string
	trace     string
	accountID string
	at        time.Time
}

func (in incoming) event() ([]byte, error) {
	r := in.request
	domain := r.Host
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		domain = host
	}
	prefix, _, _ := strings.Cut(domain, ".")
	e := event{
		Version: "2.0", RouteKey: in.matched.route.Key,
		// AWS decodes the path and passes the query unchanged.
		RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Cookies: cookies(r.Header), Headers: in.headers(), QueryStringParameters: queryParameters(r.URL.RawQuery),
		PathParameters: in.matched.parameters,
		RequestContext: requestContext{
			AccountID: in.accountID, APIID: apiID, DomainName: domain, DomainPrefix: prefix,
			HTTP:      httpContext{Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: sourceIP(r), UserAgent: r.UserAgent()},
			RequestID: in.requestID, RouteKey: in.matched.route.Key, Stage: "$default",
			Time: in.at.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: in.at.UnixMilli(),
		},
	}
	if in.claims != nil {
		e.RequestContext.Authorizer = &authorizer{authorizedJWT{Claims: in.claims, Scopes: in.matched.route.Scopes}}
	}
	if len(in.body) > 0 {
		body := string(in.body)
		if e.IsBase64Encoded = !isText(r.Header.Get("Content-Type"), in.body); e.IsBase64Encoded {
			body = base64.StdEncoding.EncodeToString(in.body)
		}
		e.Body = &body
	}
	encoded, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return encoded, nil
}

// isText reports whether AWS passes a body of this type as text: text/* and three application types. All other types and a
// missing type are base64, also application/x-www-form-urlencoded. Invalid UTF-8 is base64 too, because JSON cannot carry it.
func isText(contentType string, body []byte) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || !utf8.Valid(body) {
		return false
	}
	switch media {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(media, "text/")
}

// hopByHop headers belong to the connection. Cookies are here because they have a member of their own.
var hopByHop = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-authenticate": true, "proxy-authorization": true, "proxy-connection": true,
	"te": true, "trailer": true, "transfer-encoding": true, "upgrade": true, "cookie": true,
}

// headers returns the lower-cased headers, several values of one name joined by commas, plus those that AWS adds.
func (in incoming) headers() map[string]string {
	r := in.request
	out := make(map[string]string, len(r.Header)+5)
	for name, values := range r.Header {
		if lower := strings.ToLower(name); !hopByHop[lower] {
			out[lower] = strings.Join(values, ",")
		}
	}
	out["host"] = r.Host
	out["content-length"] = strconv.Itoa(len(in.body))
	out["x-amzn-trace-id"] = in.trace
	out["x-forwarded-proto"] = "http"
	if r.TLS != nil {
		out["x-forwarded-proto"] = "https"
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		out["x-forwarded-port"] = port
	}
	forwarded := sourceIP(r)
	if before := out["x-forwarded-for"]; before != "" {
		forwarded = before + ", " + forwarded
	}
	out["x-forwarded-for"] = forwarded
	return out
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func cookies(header http.Header) []string {
	var out []string
	for _, line := range header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = textproto.TrimString(cookie); cookie != "" {
				out = append(out, cookie)
			}
		}
	}
	return out
}

// queryParameters returns the decoded parameters, several values of one name joined by commas. Pairs that cannot be decoded are
// left out.
func queryParameters(raw string) map[string]string {
	if raw == "" {
		return nil
	}
	// The error concerns only pairs that cannot be decoded; the others are in values.
	values, _ := url.ParseQuery(raw)
	if len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	for name, all := range values {
		out[name] = strings.Join(all, ",")
	}
	return out
}
