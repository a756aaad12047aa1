package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// endpoint is a webhook endpoint.
type endpoint struct {
	ID            string   `json:"id"`
	Object        string   `json:"object"`
	APIVersion    string   `json:"api_version"`
	Created       int64    `json:"created"`
	EnabledEvents []string `json:"enabled_events"`
	Livemode      bool     `json:"livemode"`
	// Secret is only in the response that creates the endpoint.
	Secret string `json:"secret,omitempty"`
	Status string `json:"status"`
	URL    string `json:"url"`
}

// Deliveries says how events are delivered from now on. The zero value is the normal case: each event goes once, at once, to each
// endpoint that wants it, and is repeated until the response is 2xx.
type Deliveries struct {
	// Types are the event types that the settings apply to; empty means all.
	Types []string `json:"types"`
	// Drop delivers nothing, so delivery_success is false. Hold keeps events back until they are released.
	Drop bool `json:"drop"`
	Hold bool `json:"hold"`
	// Copies is how many more times a successfully delivered event is sent.
	Copies  int `json:"copies"`
	DelayMs int `json:"delayMs"`
	// Signature is "" for a right one, "bad" for one with another secret, "stale" for one that is an hour old.
	Signature string `json:"signature"`
	// APIVersion, if set, replaces the API version in the event.
	APIVersion string `json:"apiVersion"`
}

// retries are the pauses before a delivery without a 2xx response is repeated.
var retries = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// deliveryTimeout bounds one attempt of a delivery.
const deliveryTimeout = 10 * time.Second

// delivery is an event for one endpoint.
type delivery struct {
	event    string
	to       endpoint
	payload  []byte
	settings Deliveries
}

// hooks delivers events. It is safe for concurrent use.
type hooks struct {
	account *stripe.Account
	o       Options
	client  *http.Client
	stop    chan struct{}
	running sync.WaitGroup

	mu        sync.Mutex
	endpoints []endpoint
	settings  Deliveries
	held      []delivery
	attempts  []attempt
}

// attempt describes one attempt of a delivery, for tests.
type attempt struct {
	Event    string `json:"event"`
	Type     string `json:"type"`
	Endpoint string `json:"endpoint"`
	Status   int    `json:"status"`
	Error    string `json:"error,omitempty"`
}

func newHooks(account *stripe.Account, o Options) *hooks {
	return &hooks{account: account, o: o, stop: make(chan struct{}), client: &http.Client{Timeout: deliveryTimeout}}
}

func (h *hooks) close() {
	h.mu.Lock()
	select {
	case <-h.stop:
	default:
		close(h.stop)
	}
	h.mu.Unlock()
	h.running.Wait()
}

// take receives each event, with the account locked.
func (h *hooks) take(e *stripe.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	settings := Deliveries{}
	if len(h.settings.Types) == 0 || slices.Contains(h.settings.Types, e.Type) {
		settings = h.settings
	}
	for _, to := range h.endpoints {
		if slices.Contains(to.EnabledEvents, "*") || slices.Contains(to.EnabledEvents, e.Type) {
			e.Wanted(to.ID)
		}
	}
	shown := *e
	if settings.APIVersion != "" {
		shown.APIVersion = settings.APIVersion
	}
	payload, err := json.Marshal(shown)
	if err != nil {
		h.o.Log.Error("an event cannot be encoded", "type", e.Type, "error", err.Error())
		return
	}
	for _, to := range h.endpoints {
		if !slices.Contains(to.EnabledEvents, "*") && !slices.Contains(to.EnabledEvents, e.Type) {
			continue
		}
		d := delivery{event: e.ID, to: to, payload: payload, settings: settings}
		switch {
		case settings.Drop:
		case settings.Hold:
			h.held = append(h.held, d)
		default:
			h.start(d)
		}
	}
}

// start delivers in the background. h.mu must be held, so that close waits for every delivery started before it.
func (h *hooks) start(d delivery) {
	select {
	case <-h.stop:
		return
	default:
	}
	h.running.Go(func() { h.deliver(d) })
}

func (h *hooks) deliver(d delivery) {
	if d.settings.DelayMs > 0 {
		h.o.Wait(h.stop, time.Duration(d.settings.DelayMs)*time.Millisecond)
	}
	for i := 0; !h.send(d); i++ {
		if i == len(retries) {
			return
		}
		h.o.Wait(h.stop, retries[i])
		select {
		case <-h.stop:
			return
		default:
		}
	}
	h.account.Delivered(d.event, d.to.ID)
	for range d.settings.Copies {
		h.send(d)
	}
}

// send makes one attempt, and reports whether the response was 2xx. Each attempt is signed anew with the current time, as at
// Stripe.
func (h *hooks) send(d delivery) bool {
	at, secret := h.o.Now(), d.to.Secret
	switch d.settings.Signature {
	case "bad":
		secret += "-of-somebody-else"
	case "stale":
		at = at.Add(-time.Hour)
	}
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: d.payload, Secret: secret, Timestamp: at})
	ctx, cancel := context.WithTimeout(context.Background(), deliveryTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.to.URL, bytes.NewReader(d.payload))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("Stripe-Signature", signed.Header)
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	a := attempt{Event: d.event, Type: typeOf(d.payload), Endpoint: d.to.ID}
	response, err := h.client.Do(request)
	if err == nil {
		a.Status = response.StatusCode
		err = response.Body.Close()
	}
	if err != nil {
		a.Error = err.Error()
		h.o.Log.Info("delivery failed", slog.String("event", d.event), slog.String("error", a.Error))
	}
	h.mu.Lock()
	h.attempts = append(h.attempts, a)
	h.mu.Unlock()
	return a.Status >= http.StatusOK && a.Status < http.StatusMultipleChoices
}

func typeOf(payload []byte) string {
	var e struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(payload, &e) != nil {
		return ""
	}
	return e.Type
}

// release delivers the held events one after another, in their order or, with "reverse", the last one first.
func (h *hooks) release(order string) int {
	h.mu.Lock()
	held := h.held
	h.held = nil
	if order == "reverse" {
		slices.Reverse(held)
	}
	h.running.Add(1)
	h.mu.Unlock()
	defer h.running.Done()
	for _, d := range held {
		h.deliver(d)
	}
	return len(held)
}

func (h *hooks) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settings, h.held, h.attempts = Deliveries{}, nil, nil
}

// Endpoint adds an endpoint for these events ("*" for all). The caller chooses its secret.
func (s *Server) Endpoint(target, secret string, events []string) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.endpoints = append(s.hooks.endpoints, endpoint{
		ID: s.o.NewID("we_"), Object: "webhook_endpoint", APIVersion: stripe.APIVersion, Created: s.o.Now().Unix(),
		EnabledEvents: events, Secret: secret, Status: "enabled", URL: target,
	})
}

func (s *Server) createEndpoint(c *call) (result, *stripe.Error) {
	e := endpoint{Object: "webhook_endpoint", EnabledEvents: c.list("enabled_events"), Status: "enabled", URL: c.text("url"), APIVersion: c.text("api_version")}
	c.text("description")
	c.metadata()
	if e.APIVersion == "" {
		e.APIVersion = stripe.APIVersion
	}
	switch u, err := url.Parse(e.URL); {
	case len(e.EnabledEvents) == 0:
		c.fail(stripe.InvalidParam("parameter_missing", "enabled_events", "Missing required param: enabled_events."))
	case e.APIVersion != stripe.APIVersion:
		c.fail(stripe.InvalidParam("", "api_version", "The double supports only %s.", stripe.APIVersion))
	case err != nil || u.Scheme != "http" || !loopback(u.Hostname()):
		c.fail(stripe.InvalidParam("url_invalid", "url", "Invalid URL: the double delivers only to http on this machine."))
	}
	return func() (any, *stripe.Error) {
		h := s.hooks
		e.ID, e.Secret, e.Created = s.o.NewID("we_"), s.o.NewID("whsec_"), s.account.Now().Unix()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.endpoints = append(h.endpoints, e)
		return e, nil
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *Server) listEndpoints(c *call) (result, *stripe.Error) {
	c.page()
	return func() (any, *stripe.Error) {
		s.hooks.mu.Lock()
		defer s.hooks.mu.Unlock()
		l := stripe.List[endpoint]{Object: "list", URL: "/v1/webhook_endpoints", Data: []endpoint{}}
		for _, e := range s.hooks.endpoints {
			e.Secret = ""
			l.Data = append(l.Data, e)
		}
		return l, nil
	}, nil
}

func (s *Server) deleteEndpoint(c *call) (result, *stripe.Error) {
	return func() (any, *stripe.Error) {
		h, id := s.hooks, c.id()
		h.mu.Lock()
		defer h.mu.Unlock()
		before := len(h.endpoints)
		h.endpoints = slices.DeleteFunc(h.endpoints, func(e endpoint) bool { return e.ID == id })
		if len(h.endpoints) == before {
			return nil, &stripe.Error{HTTPStatus: http.StatusNotFound, Type: stripe.TypeInvalidRequest, Code: "resource_missing", Message: "No such webhook endpoint: '" + id + "'"}
		}
		return map[string]any{"id": id, "object": "webhook_endpoint", "deleted": true}, nil
	}, nil
}
