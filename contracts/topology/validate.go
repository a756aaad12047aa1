package topology

import (
	"fmt"
	"regexp"
	"slices"
)

// maxDelaySeconds is the maximum delay of an SQS queue.
const maxDelaySeconds = 900

// Forms of names, the same as in the schema.
var (
	nameForm         = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	attributeForm    = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	regionLetterForm = regexp.MustCompile(`^[a-z]$`)
	// pathForm has no index and no wildcard: EventBridge and its stand-in agree on plain members only.
	pathForm        = regexp.MustCompile(`^\$([.][A-Za-z0-9_-]+)+$`)
	placeholderForm = regexp.MustCompile(`<([^<>]*)>`)
)

type validator struct {
	t        Topology
	problems []error
}

func (v *validator) addf(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf("topology: "+format, args...))
}

// within reports a number outside least to most, both inclusive.
func (v *validator) within(what string, n, least, most int) {
	if n < least || n > most {
		v.addf("%s must be %d to %d, is %d", what, least, most, n)
	}
}

func (v *validator) formed(what, text string, form *regexp.Regexp) {
	if !form.MatchString(text) {
		v.addf("%s is %q, which is not of the form %s", what, text, form)
	}
}

func (v *validator) oneOf(what, text string, allowed ...string) {
	if !slices.Contains(allowed, text) {
		v.addf("%s must be one of %q, is %q", what, allowed, text)
	}
}

func (v *validator) numbers() {
	v.oneOf("$schema", v.t.Schema, "./topology.schema.json")
	v.within("version", v.t.Version, 1, 1)
	v.formed("homeRegionLetter", v.t.HomeRegionLetter, regionLetterForm)
	v.within("holdSeconds", v.t.HoldSeconds, 1, 880)
	v.within("orderDeadlineSeconds", v.t.OrderDeadlineSeconds, 1, 3600)
	v.within("stripeRequestsPerSecond", v.t.StripeRequestsPerSecond, 1, 10000)
	v.within("visibilityTimeoutFactor", v.t.VisibilityTimeoutFactor, 1, 20)
}

// lists checks the names in each list, and that the lists that Boxoffice cannot do without are not empty.
func (v *validator) lists() {
	for _, list := range []struct {
		what   string
		all    []string
		filled bool
	}{
		{"queue", names(v.t.Queues, func(q Queue) string { return q.Name }), true},
		{"table", names(v.t.Tables, func(t Table) string { return t.Name }), true},
		{"function", names(v.t.Functions, func(f Function) string { return f.Name }), true},
		{"bus", names(v.t.Buses, func(b Bus) string { return b.Name }), false},
		{"rule", names(v.t.Rules, func(r Rule) string { return r.Name }), false},
		{"secret", names(v.t.Secrets, func(s Secret) string { return s.Name }), false},
		{"alarm", names(v.t.Alarms, func(a Alarm) string { return a.Name }), false},
	} {
		if list.filled && len(list.all) == 0 {
			v.addf("there is no %s", list.what)
		}
		v.unique(list.what, list.all)
		for _, name := range list.all {
			v.formed("name of a "+list.what, name, nameForm)
		}
	}
}

func (v *validator) queues() {
	for _, q := range v.t.Queues {
		where := "queue " + q.Name
		if q.Purpose == "" {
			v.addf("%s has no purpose", where)
		}
		v.within(where+": retentionSeconds", q.RetentionSeconds, 60, 1209600)
		v.within(where+": delaySeconds", q.DelaySeconds, 0, maxDelaySeconds)
		v.within(where+": delayAfterHoldSeconds", q.DelayAfterHoldSeconds, 0, 60)
		if q.DelaySeconds != 0 && q.DelayAfterHoldSeconds != 0 {
			v.addf("%s has two delays", where)
		}
		if d := v.t.Delay(q).Seconds(); q.DelayAfterHoldSeconds > 0 && d > maxDelaySeconds {
			v.addf("%s: delay of %.0f s is over the %d s that SQS allows; holdSeconds is too long", where, d, maxDelaySeconds)
		}
		if q.Type != "" && q.Type != TypeFIFO && q.Type != TypeStandard {
			v.addf("%s has unknown type %q", where, q.Type)
		}
		v.deadLetters(q, where)
	}
}

func (v *validator) deadLetters(q Queue, where string) {
	switch {
	case q.DeadLetterQueue == "" && q.MaxReceiveCount == 0:
		return
	case q.DeadLetterQueue == "":
		v.addf("%s has a maxReceiveCount and no deadLetterQueue", where)
		return
	}
	v.within(where+": maxReceiveCount", q.MaxReceiveCount, 500, 1000)
	v.queueExists(where+": deadLetterQueue", q.DeadLetterQueue)
	if other, found := v.t.QueueNamed(q.DeadLetterQueue); found && other.Standard() != q.Standard() {
		v.addf("%s: its dead-letter queue %s has another type, which SQS refuses", where, other.Name)
	}
}

func (v *validator) tables() {
	for _, t := range v.t.Tables {
		where := "table " + t.Name
		v.keys(where, t.PartitionKey, t.SortKey)
		if t.Stream != "" {
			v.oneOf(where+": stream", t.Stream, "NEW_AND_OLD_IMAGES")
		}
		v.unique(where+": index", names(t.Indexes, func(i Index) string { return i.Name }))
		for _, i := range t.Indexes {
			v.formed(where+": name of an index", i.Name, nameForm)
			v.keys(where+": index "+i.Name, i.PartitionKey, i.SortKey)
			v.oneOf(where+": index "+i.Name+": projection", i.Projection, "KEYS_ONLY", "INCLUDE", "ALL")
			if (i.Projection == "INCLUDE") != (len(i.Attributes) > 0) {
				v.addf("%s: index %s: INCLUDE needs attributes, and no other projection has any", where, i.Name)
			}
			v.unique(where+": index "+i.Name+": attribute", i.Attributes)
			for _, attribute := range i.Attributes {
				v.formed(where+": index "+i.Name+": an attribute", attribute, attributeForm)
			}
		}
	}
}

func (v *validator) keys(where string, partition Key, sort *Key) {
	all := []Key{partition}
	if sort != nil {
		all = append(all, *sort)
	}
	for _, k := range all {
		v.formed(where+": name of a key", k.Name, attributeForm)
		v.oneOf(where+": type of key "+k.Name, k.Type, "S", "N")
	}
}

func (v *validator) rules() {
	for _, r := range v.t.Rules {
		if len(r.DetailTypes) == 0 {
			v.addf("rule %s has no detailTypes", r.Name)
		}
		v.ruleMessage(r)
		if r.Detail != nil && !validPattern(r.Detail) {
			v.addf("rule %s: detail must have members with lists of texts, or of {\"exists\":…}", r.Name)
		}
		v.queueExists("rule "+r.Name+": queue", r.Queue)
		if !slices.Contains(names(v.t.Buses, func(b Bus) string { return b.Name }), r.Bus) {
			v.addf("rule %s names unknown bus %q", r.Name, r.Bus)
		}
	}
}

// validPattern reports whether a part of an event pattern is an object that has only objects of this form, and lists of texts or of
// {"exists": true or false}.
func validPattern(object map[string]any) bool {
	for _, member := range object {
		switch member := member.(type) {
		case map[string]any:
			if !validPattern(member) {
				return false
			}
		case []any:
			if len(member) == 0 || slices.ContainsFunc(member, func(item any) bool { return !validPatternItem(item) }) {
				return false
			}
		default:
			return false
		}
	}
	return len(object) > 0
}

func validPatternItem(item any) bool {
	if object, ok := item.(map[string]any); ok {
		_, exists := object["exists"].(bool)
		return exists && len(object) == 1
	}
	_, text := item.(string)
	return text
}

// ruleMessage checks that the template uses exactly the values that have paths.
func (v *validator) ruleMessage(r Rule) {
	where := "rule " + r.Name
	if r.Source == "" {
		v.addf("%s has no source", where)
	}
	if r.Message.Template == "" || len(r.Message.Paths) == 0 {
		v.addf("%s has no message", where)
		return
	}
	used := map[string]bool{}
	for _, name := range placeholderForm.FindAllStringSubmatch(r.Message.Template, -1) {
		used[name[1]] = true
		if r.Message.Paths[name[1]] == "" {
			v.addf("%s: its message has <%s> and no path for it", where, name[1])
		}
	}
	for name, path := range r.Message.Paths {
		v.formed(where+": name of a path", name, attributeForm)
		v.formed(where+": path "+name, path, pathForm)
		if !used[name] {
			v.addf("%s: its message does not use %s", where, name)
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
