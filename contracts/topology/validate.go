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
		if q.DeadLetterQueue != "" {
			v.queueExists("queue "+q.Name+": deadLetterQueue", q.DeadLetterQueue)
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
		if f.Queue != nil {
			v.queueExists("function "+f.Name+": queue", f.Queue.Name)
		}
		if f.Stream != nil {
			v.streamExists(f)
		}
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
			if found && !slices.Contains(f.Routes, Route{Route: other + " " + path, Auth: r.Auth}) {
				v.addf("function %s: route %q has no %s of its own with the same auth", f.Name, r.Route, other)
			}
		}
	}
}

func (v *validator) streamExists(f Function) {
	i := slices.IndexFunc(v.t.Tables, func(t Table) bool { return t.Name == f.Stream.Table })
	if i < 0 {
		v.addf("function %s: stream of unknown table %q", f.Name, f.Stream.Table)
	} else if v.t.Tables[i].Stream == "" {
		v.addf("function %s: table %s has no stream", f.Name, f.Stream.Table)
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
