package server

import (
	"net/http"
	"regexp"
	"sync"
	"time"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// Fault is a rule of the double for requests that fail. Stripe has no such rules.
type Fault struct {
	// Method and Path select requests: a method ("" for any) and a regular expression for the path. Order, if set, is the
	// metadata orderId of the PaymentIntent that the request concerns or creates.
	Method string `json:"method"`
	Path   string `json:"path"`
	Order  string `json:"order"`
	// Times is how often the rule applies; 0 means until the faults are removed.
	Times int `json:"times"`
	// Kind "latency" delays the request by DelayMs. "error" responds with Status: a 429 before anything happens (not saved under
	// the key), a 5xx as a response that is saved under the key and replayed. With Effect the request is carried out
	// nevertheless, and with Page the body is a proxy's HTML page instead of Stripe's JSON. "lost" carries the request out and
	// closes the connection instead of responding.
	Kind    string `json:"kind"`
	DelayMs int    `json:"delayMs"`
	Status  int    `json:"status"`
	Effect  bool   `json:"effect"`
	Page    bool   `json:"page"`
	// Left is output only: how often a rule with Times may still apply.
	Left int `json:"left"`

	path *regexp.Regexp
}

// faults holds the rules. It is safe for concurrent use.
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
		return stripe.InvalidParam("", "kind", "Fault %q is unknown, or its delayMs or status is missing. Known: latency, lost, error with 429 or 5xx.", rule.Kind)
	}
	rule.Left = rule.Times
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, &rule)
	return nil
}

// list returns the current rules.
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

// of returns a request's total latency, and the first error or loss that applies to it. It counts their use.
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
