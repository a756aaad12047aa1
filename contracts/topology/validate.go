package topology

import (
	"fmt"
	"slices"
	"strings"
)

// maxDelaySeconds is what SQS allows for a queue delay.
const maxDelaySeconds = 900

type validator struct {
	t        Topology
	problems []error
}

func (v *validator) addf(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf("topology: "+format, args...))
}

func (v *validator) numbers() {
	if v.t.HoldSeconds < 1 {
		v.addf("holdSeconds must be at least 1, is %d", v.t.HoldSeconds)
	}
	if v.t.OrderDeadlineSeconds < 1 {
		v.addf("orderDeadlineSeconds must be at least 1, is %d", v.t.OrderDeadlineSeconds)
	}
	if v.t.StripeRequestsPerSecond < 1 {
		v.addf("stripeRequestsPerSecond must be at least 1, is %d", v.t.StripeRequestsPerSecond)
	}
	if v.t.VisibilityTimeoutFactor < 1 {
		v.addf("visibilityTimeoutFactor must be at least 1, is %d", v.t.VisibilityTimeoutFactor)
	}
}

func (v *validator) queues() {
	v.unique("queue", names(v.t.Queues, func(q Queue) string { return q.Name }))
	v.unique("table", names(v.t.Tables, func(t Table) string { return t.Name }))
	v.unique("function", names(v.t.Functions, func(f Function) string { return f.Name }))
	for _, q := range v.t.Queues {
		if d := v.t.Delay(q).Seconds(); d > maxDelaySeconds {
			v.addf("queue %s: delay of %.0f s is over the %d s that SQS allows; holdSeconds is too long", q.Name, d, maxDelaySeconds)
		}
		if q.Type != "" && q.Type != TypeFIFO && q.Type != TypeStandard {
			v.addf("queue %s has unknown type %q", q.Name, q.Type)
		}
		if q.DeadLetterQueue != "" {
			v.queueExists("queue "+q.Name+": deadLetterQueue", q.DeadLetterQueue)
			if other, found := v.t.QueueNamed(q.DeadLetterQueue); found && other.Standard() != q.Standard() {
				v.addf("queue %s: its dead-letter queue %s has another type, which SQS refuses", q.Name, other.Name)
			}
		}
	}
}

func (v *validator) functions() {
	routes := map[string]string{}
	for _, f := range v.t.Functions {
		if f.Routes == nil && f.Queue == nil && f.Stream == nil && f.Schedule == nil {
			v.addf("function %s has no source: nothing would ever invoke it", f.Name)
		}
		for _, r := range f.Routes {
			if other, taken := routes[r.Route]; taken {
				v.addf("route %q belongs to both %s and %s", r.Route, other, f.Name)
			}
			routes[r.Route] = f.Name
		}
		v.headsOf(f)
		for _, r := range f.Routes {
			if len(r.Scopes) > 0 && r.Auth != "jwt" {
				v.addf("function %s: route %q has scopes and no token", f.Name, r.Route)
			}
		}
		if f.Queue != nil {
			v.queueSource(f)
		}
		if f.Stream != nil {
			v.streamSource(f)
		}
		if f.ReservedConcurrency < 0 {
			v.addf("function %s: reservedConcurrency must be at least 1, is %d", f.Name, f.ReservedConcurrency)
		}
		v.asynchronous(f)
		for variable, reference := range f.Environment {
			v.referenceExists(f.Name, variable, reference)
		}
	}
}

// headsOf: HEAD is answered as GET without a body, so it goes to the same function with the same token. Without a route of
// its own a HEAD would meet the default route, which asks for no token and knows no concert.
func (v *validator) headsOf(f Function) {
	for _, r := range f.Routes {
		for method, other := range map[string]string{"GET": "HEAD", "HEAD": "GET"} {
			path, found := strings.CutPrefix(r.Route, method+" ")
			same := func(o Route) bool {
				return o.Route == other+" "+path && o.Auth == r.Auth && slices.Equal(o.Scopes, r.Scopes)
			}
			if found && !slices.ContainsFunc(f.Routes, same) {
				v.addf("function %s: route %q has no %s of its own with the same auth", f.Name, r.Route, other)
			}
		}
	}
}

// queueSource: below 2 Lambda refuses maximumConcurrency, and above the reserved concurrency it only fetches messages that the
// function then refuses.
func (v *validator) queueSource(f Function) {
	v.queueExists("function "+f.Name+": queue", f.Queue.Name)
	if n := f.Queue.MaximumConcurrency; n != 0 && (n < 2 || n > 1000) {
		v.addf("function %s: maximumConcurrency must be 2 to 1000, is %d", f.Name, n)
	} else if f.ReservedConcurrency > 0 && n > f.ReservedConcurrency {
		v.addf("function %s: maximumConcurrency of %d is over the reserved concurrency of %d", f.Name, n, f.ReservedConcurrency)
	}
}

func (v *validator) streamSource(f Function) {
	s, where := f.Stream, "function "+f.Name+": stream"
	i := slices.IndexFunc(v.t.Tables, func(t Table) bool { return t.Name == s.Table })
	if i < 0 {
		v.addf("function %s: stream of unknown table %q", f.Name, s.Table)
		return
	}
	if v.t.Tables[i].Stream == "" {
		v.addf("function %s: table %s has no stream", f.Name, s.Table)
		return
	}
	if s.ParallelizationFactor < 1 || s.ParallelizationFactor > 10 {
		v.addf("%s: parallelizationFactor must be 1 to 10, is %d", where, s.ParallelizationFactor)
	}
	if n := s.MaximumRetryAttempts; n < Unlimited || n > 10000 {
		v.addf("%s: maximumRetryAttempts must be -1 to 10000, is %d", where, n)
	}
	if age := s.MaximumRecordAgeSeconds; age != Unlimited && (age < 60 || age > 604800) {
		v.addf("%s: maximumRecordAgeSeconds must be -1, or 60 to 604800, is %d", where, age)
	}
	if s.OnFailure == "" {
		// A record that is given up without a letter is lost in silence.
		if s.Limited() {
			v.addf("%s gives records up and has no onFailure", where)
		}
		return
	}
	v.queueExists(where+": onFailure", s.OnFailure)
	if q, found := v.t.QueueNamed(s.OnFailure); found && !q.Standard() {
		v.addf("%s: onFailure is the FIFO queue %s, which Lambda does not take", where, q.Name)
	}
}

func (v *validator) asynchronous(f Function) {
	a := f.Asynchronous
	if a == nil {
		if f.Schedule != nil {
			v.addf("function %s has a schedule, which invokes asynchronously, and does not say what becomes of a failed run", f.Name)
		}
		return
	}
	if a.MaximumRetryAttempts < 0 || a.MaximumRetryAttempts > 2 {
		v.addf("function %s: maximumRetryAttempts must be 0 to 2, is %d", f.Name, a.MaximumRetryAttempts)
	}
	if a.MaximumEventAgeSeconds < 60 || a.MaximumEventAgeSeconds > 21600 {
		v.addf("function %s: maximumEventAgeSeconds must be 60 to 21600, is %d", f.Name, a.MaximumEventAgeSeconds)
	}
}

func (v *validator) referenceExists(function, variable, reference string) {
	kind, name, qualified := strings.Cut(reference, ":")
	where := "function " + function + ": " + variable
	switch {
	case !qualified:
	case kind == "queueUrl":
		v.queueExists(where, name)
	case kind == "tableName":
		if !slices.Contains(names(v.t.Tables, func(t Table) string { return t.Name }), name) {
			v.addf("%s names unknown table %q", where, name)
		}
	case kind == "busName":
		if !slices.Contains(names(v.t.Buses, func(b Bus) string { return b.Name }), name) {
			v.addf("%s names unknown bus %q", where, name)
		}
	case kind == "secret":
		if !slices.Contains(names(v.t.Secrets, func(s Secret) string { return s.Name }), name) {
			v.addf("%s names unknown secret %q", where, name)
		}
	default:
		v.addf("%s has unknown reference %q", where, reference)
	}
}

func (v *validator) rules() {
	for _, r := range v.t.Rules {
		v.queueExists("rule "+r.Name+": queue", r.Queue)
		if !slices.Contains(names(v.t.Buses, func(b Bus) string { return b.Name }), r.Bus) {
			v.addf("rule %s names unknown bus %q", r.Name, r.Bus)
		}
	}
}

func (v *validator) queueExists(where, name string) {
	if !slices.Contains(names(v.t.Queues, func(q Queue) string { return q.Name }), name) {
		v.addf("%s names unknown queue %q", where, name)
	}
}

func (v *validator) unique(what string, all []string) {
	seen := map[string]bool{}
	for _, name := range all {
		if seen[name] {
			v.addf("%s %q is there twice", what, name)
		}
		seen[name] = true
	}
}

func names[T any](items []T, name func(T) string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = name(item)
	}
	return out
}
