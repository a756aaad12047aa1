package topology

import (
	"regexp"
	"slices"
	"strings"
)

var (
	routeForm    = regexp.MustCompile(`^(\$default|(GET|HEAD|POST|PUT|DELETE|PATCH) /[A-Za-z0-9/{}._-]*)$`)
	variableForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
)

// plainReferences are the references that do not name an item of the specification.
var plainReferences = []string{
	"homeRegionLetter", "holdSeconds", "orderDeadlineSeconds", "redisAddress", "redisReaderUser", "redisReaderPassword",
	"redisWriterUser", "redisWriterPassword", "redisPayUser", "redisPayPassword", "environment", "paymentMode",
	"stripePublishableKey", "stripeApiBase", "stripeRequestsPerSecond",
	// The origin of the site; the other origins that the edge allows, separated by commas; how many requests of accounts are answered
	// ("production" or "wide"); a folder for mails, or nothing: then SES sends them.
	"siteUrl", "allowedOrigins", "rateLimits", "mailOutbox",
	// The address that mails come from, and the configuration set of SES, whose events report bounces.
	"mailFrom", "mailConfigurationSet",
	// Where clients open connections (wss://…), and where a function manages them (https://…).
	"pushUrl", "connectionsEndpoint",
}

func (v *validator) functions() {
	routes, queues, sockets := map[string]string{}, map[string]string{}, ""
	for _, f := range v.t.Functions {
		where := "function " + f.Name
		v.oneOf(where+": side", f.Side, "producers", "consumers")
		v.within(where+": timeoutSeconds", f.TimeoutSeconds, 1, 60)
		v.within(where+": memoryMegabytes", f.MemoryMegabytes, 128, 3008)
		v.within(where+": reservedConcurrency", f.ReservedConcurrency, 0, 1000)
		if len(f.Routes) == 0 && len(f.WebSocket) == 0 && f.Queue == nil && f.Stream == nil && f.Schedule == nil {
			v.addf("%s has no source: nothing would ever invoke it", where)
		}
		for _, r := range f.Routes {
			if other, taken := routes[r.Route]; taken {
				v.addf("route %q belongs to both %s and %s", r.Route, other, f.Name)
			}
			routes[r.Route] = f.Name
			v.route(f, r)
		}
		v.headsOf(f)
		if len(f.WebSocket) > 0 {
			if sockets != "" {
				v.addf("the routes of the WebSocket API belong to both %s and %s", sockets, f.Name)
			}
			sockets = f.Name
			v.webSocket(f)
		}
		if f.Queue != nil {
			if other, taken := queues[f.Queue.Name]; taken {
				v.addf("queue %s is read by both %s and %s", f.Queue.Name, other, f.Name)
			}
			queues[f.Queue.Name] = f.Name
			v.queueSource(f)
		}
		if f.Stream != nil {
			v.streamSource(f)
		}
		if f.Schedule != nil && (f.Schedule.EverySeconds < 60 || f.Schedule.EverySeconds%60 != 0) {
			v.addf("%s: everySeconds must be a multiple of 60, is %d", where, f.Schedule.EverySeconds)
		}
		v.asynchronous(f)
		for variable, reference := range f.Environment {
			v.formed(where+": a variable", variable, variableForm)
			v.referenceExists(f.Name, variable, reference)
		}
	}
}

// route checks a route. A route whose auth is not exactly "jwt" is served without a token, so a misspelt word must be refused.
func (v *validator) route(f Function, r Route) {
	where := "function " + f.Name + ": route " + r.Route
	v.oneOf(where+": auth", r.Auth, AuthJWT, AuthNone)
	v.formed("function "+f.Name+": a route", r.Route, routeForm)
	if len(r.Scopes) > 0 && r.Auth != AuthJWT {
		v.addf("function %s: route %q has scopes and no token", f.Name, r.Route)
	}
	v.unique(where+": scope", r.Scopes)
	for _, scope := range r.Scopes {
		v.formed(where+": a scope", scope, nameForm)
	}
}

// headsOf checks that each GET route has a HEAD route of the same function and auth, and the other way round. HEAD is answered
// as GET without the body. Without its own route, a HEAD would match the default route, which needs no token and answers 404.
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

// webSocket checks that a function has every route of the WebSocket API once. A function that only opens connections would never
// delete one.
func (v *validator) webSocket(f Function) {
	where := "function " + f.Name + ": websocket"
	for _, r := range f.WebSocket {
		v.oneOf(where, r, WebSocketRoutes...)
	}
	v.unique(where+": route", f.WebSocket)
	for _, r := range WebSocketRoutes {
		if !slices.Contains(f.WebSocket, r) {
			v.addf("%s has no route %s", where, r)
		}
	}
}

// queueSource checks the mapping of a queue. Lambda refuses a maximumConcurrency below 2. If it is above the reserved
// concurrency, or missing beside one, Lambda receives messages for which invocations are throttled, and each such receive counts.
func (v *validator) queueSource(f Function) {
	where := "function " + f.Name
	v.queueExists(where+": queue", f.Queue.Name)
	v.within(where+": queue: batchSize", f.Queue.BatchSize, 1, 10)
	switch n := f.Queue.MaximumConcurrency; {
	case n != 0 && (n < 2 || n > 1000):
		v.addf("%s: maximumConcurrency must be 2 to 1000, is %d", where, n)
	case f.ReservedConcurrency > 0 && n == 0:
		v.addf("%s reads a queue with a reserved concurrency and has no maximumConcurrency", where)
	case f.ReservedConcurrency > 0 && n > f.ReservedConcurrency:
		v.addf("%s: maximumConcurrency of %d is over the reserved concurrency of %d", where, n, f.ReservedConcurrency)
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
	v.within(where+": batchSize", s.BatchSize, 1, 1000)
	v.within(where+": batchingWindowSeconds", s.BatchingWindowSeconds, 0, 300)
	v.within(where+": parallelizationFactor", s.ParallelizationFactor, 1, 10)
	v.within(where+": maximumRetryAttempts", s.MaximumRetryAttempts, Unlimited, 10000)
	if age := s.MaximumRecordAgeSeconds; age != Unlimited && (age < 60 || age > 604800) {
		v.addf("%s: maximumRecordAgeSeconds must be -1, or 60 to 604800, is %d", where, age)
	}
	if s.OnFailure == "" {
		// Without a letter nothing would report a record that was given up.
		if s.Limited() {
			v.addf("%s gives records up and has no onFailure", where)
		}
		return
	}
	v.queueExists(where+": onFailure", s.OnFailure)
	if q, found := v.t.QueueNamed(s.OnFailure); found && !q.Standard() {
		v.addf("%s: onFailure is the FIFO queue %s, which Lambda does not accept", where, q.Name)
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
	v.within("function "+f.Name+": maximumRetryAttempts", a.MaximumRetryAttempts, 0, 2)
	v.within("function "+f.Name+": maximumEventAgeSeconds", a.MaximumEventAgeSeconds, 60, 21600)
}

func (v *validator) referenceExists(function, variable, reference string) {
	kind, name, qualified := strings.Cut(reference, ":")
	where := "function " + function + ": " + variable
	switch {
	case !qualified:
		if !slices.Contains(plainReferences, reference) {
			v.addf("%s has unknown reference %q", where, reference)
		}
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
