package server

import (
	"net/http"
	"regexp"
	"sync"
	"time"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// Fault is what goes wrong with requests that it fits. It is an operator's rule of the double, not of Stripe.
type Fault struct {
	// Method and Path say which requests: a method ("" for any) and a regular expression of the path. Order, if set, is a
	// metadata orderId of the PaymentIntent that the request is about, or creates.
	Method string `json:"method"`
	Path   string `json:"path"`
	Order  string `json:"order"`
	// Times is how often; 0 is until the faults are cleared.
	Times int `json:"times"`
	// Kind: "latency" waits DelayMs first. "error" answers Status: 429 before anything is begun (under no key), 5xx as an
	// answer of its own, which is saved under the key and repeated for ever; with Effect the request is carried out all the
	// same, and with Page the body is the page of a proxy in place of Stripe's JSON. "lost" carries the request out and
	// breaks the connection in place of the answer.
	Kind    string `json:"kind"`
	DelayMs int    `json:"delayMs"`
	Status  int    `json:"status"`
	Effect  bool   `json:"effect"`
	Page    bool   `json:"page"`
	// Left is told, not asked: how often a rule with Times may still fit.
	Left int `json:"left"`

	path *regexp.Regexp
}

// faults are safe for concurrent use.
type faults struct {
	mu  sync.Mutex
	all []*Fault
}

func (f *faults) add(rule Fault) *stripe.Error {
	var err error
	if rule.path, err = regexp.Compile(rule.Path); err != nil {
		return stripe.InvalidParam("", "path", "%v", err)
	}
	known := rule.Kind == "latency" && rule.DelayMs > 0 || rule.Kind == "lost" ||
		rule.Kind == "error" && (rule.Status == http.StatusTooManyRequests || rule.Status >= http.StatusInternalServerError)
	if !known {
		return stripe.InvalidParam("", "kind", "Fault %q is none, or its delayMs or status is missing: latency, lost, error with 429 or 5xx.", rule.Kind)
	}
	rule.Left = rule.Times
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, &rule)
	return nil
}

// list are the rules as they stand now.
func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []Fault{}
	for _, rule := range f.all {
		all = append(all, *rule)
	}
	return all
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = nil
}

// of a request: how long it waits first, and the first error or loss that fits.
func (f *faults) of(method, path, order string) (delay time.Duration, fault *Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.all {
		fits := (rule.Method == "" || rule.Method == method) && rule.path.MatchString(path) && (rule.Order == "" || rule.Order == order)
		if !fits || rule.Times > 0 && rule.Left == 0 {
			continue
		}
		if rule.Kind == "latency" {
			rule.Left--
			delay += time.Duration(rule.DelayMs) * time.Millisecond
			continue
		}
		if fault == nil {
			rule.Left--
			fault = rule
		}
	}
	return delay, fault
}
