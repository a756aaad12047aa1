// Package server gives the double's account Stripe's HTTP interface: paths, forms, idempotency keys, responses and webhook
// deliveries. Its test API (/double/…) shows the journal, moves the clock, and sets faults and the fate of deliveries.
package server

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// Options of a Server.
type Options struct {
	SecretKey, PublishableKey string
	// Base is the address under which browsers reach the double.
	Base string
	Now  func() time.Time
	// NewID returns an id that was never returned before.
	NewID func(prefix string) string
	// Wait waits for d, or until stop is closed.
	Wait func(stop <-chan struct{}, d time.Duration)
	Log  *slog.Logger
}

// Server is an http.Handler, safe for concurrent use.
type Server struct {
	o       Options
	account *stripe.Account
	keys    *keys
	faults  *faults
	hooks   *hooks
	mux     *http.ServeMux
}

// New returns a Server with an empty account.
func New(o Options) *Server {
	s := &Server{o: o, keys: &keys{all: map[string]*saved{}}, faults: &faults{}, mux: http.NewServeMux()}
	s.account = stripe.New(stripe.Options{Now: o.Now, NewID: o.NewID, Base: o.Base})
	s.keys.now = s.account.Now
	s.hooks = newHooks(s.account, o)
	s.account.OnEvent(s.hooks.take)
	s.api()
	s.browser()
	s.double()
	return s
}

// Close ends deliveries and waits for those under way.
func (s *Server) Close() { s.hooks.close() }

// maxBody bounds a request body, in bytes; it is far above any form of the API.
const maxBody = 1 << 20

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	// Browsers confirm from the site's origin.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "authorization, content-type, idempotency-key, stripe-version")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// call is one request to the API.
type call struct {
	*form
	r       *http.Request
	browser bool
	request stripe.Request
}

// id is the id of the object in the path.
func (c *call) id() string { return c.r.PathValue("id") }

// route is an operation. It reads the whole form before it changes anything. A problem of the form is refused before anything
// happens, so it is not saved under the key.
type route func(c *call) (prepare func() (any, *stripe.Error), invalid *stripe.Error)

// handle registers a route. Like Stripe it checks, in this order, the account's key, faults and idempotency.
func (s *Server) handle(pattern string, forBrowsers bool, do route) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		requestID := s.o.NewID("req_")
		w.Header().Set("Request-Id", requestID)
		w.Header().Set("Stripe-Version", stripe.APIVersion)
		values, problem := parameters(r)
		if problem != nil {
			s.refuse(w, problem)
			return
		}
		browser, problem := s.authenticate(r, values, forBrowsers)
		if problem != nil {
			s.refuse(w, problem)
			return
		}
		key := ""
		if r.Method == http.MethodPost {
			key = r.Header.Get("Idempotency-Key")
		}
		c := &call{form: newForm(values), r: r, browser: browser, request: stripe.Request{ID: requestID, IdempotencyKey: key}}
		s.respond(w, c, key, do)
	})
}

func (s *Server) respond(w http.ResponseWriter, c *call, key string, do route) {
	delay, fault := s.faults.of(c.r.Method, c.r.URL.Path, s.orderOf(c))
	if delay > 0 {
		s.o.Wait(c.r.Context().Done(), delay)
	}
	if fault != nil && fault.Status == http.StatusTooManyRequests {
		s.refuse(w, &stripe.Error{HTTPStatus: fault.Status, Type: stripe.TypeInvalidRequest, Code: "rate_limit", Message: "Too many requests."})
		return
	}
	var first *saved
	if key != "" {
		var replay *saved
		var problem *stripe.Error
		if replay, first, problem = s.keys.begin(key, c.r, c.values); problem != nil {
			s.refuse(w, problem)
			return
		}
		if replay != nil {
			w.Header().Set("Idempotent-Replayed", "true")
			write(w, replay.status, replay.body)
			return
		}
	}
	run, invalid := do(c)
	if invalid == nil {
		invalid = c.end()
	}
	if invalid != nil {
		if first != nil {
			s.keys.forget(key, first)
		}
		s.refuse(w, invalid)
		return
	}
	status, body := s.carryOut(run, fault)
	if first != nil {
		s.keys.end(first, status, body)
	}
	if fault != nil && fault.Kind == "lost" {
		panic(http.ErrAbortHandler)
	}
	write(w, status, body)
}

// carryOut runs the operation, unless a fault responds in its place.
func (s *Server) carryOut(run func() (any, *stripe.Error), fault *Fault) (status int, body []byte) {
	failed := fault != nil && fault.Kind == "error"
	if failed && !fault.Effect {
		return fault.Status, fault.body()
	}
	object, problem := run()
	switch {
	case failed:
		return fault.Status, fault.body()
	case problem != nil:
		return problem.HTTPStatus, errorBody(problem)
	}
	body, err := json.Marshal(object)
	if err != nil {
		return http.StatusInternalServerError, errorBody(apiError(http.StatusInternalServerError))
	}
	return http.StatusOK, body
}

// page is what a proxy in front of Stripe sends by itself.
const page = "<html><head><title>Bad gateway</title></head><body>The server is not available.</body></html>"

func (f *Fault) body() []byte {
	if f.Page {
		return []byte(page)
	}
	return errorBody(apiError(f.Status))
}

func apiError(status int) *stripe.Error {
	return &stripe.Error{HTTPStatus: status, Type: stripe.TypeAPI, Message: "An unexpected error occurred."}
}

// orderOf returns the order id that a request concerns, for faults.
func (s *Server) orderOf(c *call) string {
	if order := c.values.Get("metadata[orderId]"); order != "" {
		return order
	}
	id := c.id()
	if id == "" {
		id = c.values.Get("payment_intent")
	}
	if i, problem := s.account.Intent(id); problem == nil {
		return i.Metadata["orderId"]
	}
	return ""
}

func parameters(r *http.Request) (url.Values, *stripe.Error) {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, stripe.InvalidParam("", "", "The body could not be read: %v", err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, stripe.InvalidParam("", "", "The body is not a form: %v", err)
		}
		for name, all := range form {
			values[name] = append(values[name], all...)
		}
	}
	return values, nil
}

// authenticate accepts the secret key, and for browser operations the publishable key.
func (s *Server) authenticate(r *http.Request, values url.Values, forBrowsers bool) (browser bool, problem *stripe.Error) {
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		if user, _, ok := r.BasicAuth(); ok {
			key = user
		} else {
			key = values.Get("key")
		}
	}
	values.Del("key")
	switch {
	case key == s.o.SecretKey:
		return false, nil
	case key == s.o.PublishableKey && forBrowsers:
		return true, nil
	case key == s.o.PublishableKey:
		return false, &stripe.Error{HTTPStatus: http.StatusUnauthorized, Type: stripe.TypeInvalidRequest, Code: "secret_key_required",
			Message: "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys."}
	case key == "":
		return false, &stripe.Error{HTTPStatus: http.StatusUnauthorized, Type: stripe.TypeInvalidRequest, Message: "You did not provide an API key."}
	default:
		return false, &stripe.Error{HTTPStatus: http.StatusUnauthorized, Type: stripe.TypeInvalidRequest, Message: "Invalid API Key provided."}
	}
}

func (s *Server) refuse(w http.ResponseWriter, problem *stripe.Error) {
	write(w, problem.HTTPStatus, errorBody(problem))
}

func errorBody(problem *stripe.Error) []byte {
	body, err := json.Marshal(map[string]any{"error": problem})
	if err != nil {
		return []byte(`{"error":{"type":"api_error","message":"An unexpected error occurred."}}`)
	}
	return body
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	if string(body) == page {
		w.Header().Set("Content-Type", "text/html")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a failed write means that the client is gone
}
