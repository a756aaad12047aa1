package server

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"boxoffice/scripts/stripedouble/internal/stripe"
)

// form reads the parameters of a request in Stripe's spelling: a[b]=c, a[]=c, a[0]=c. A parameter that the handler does not read
// is unknown, which is an error, as at Stripe. Only the first problem is kept.
type form struct {
	values  url.Values
	read    map[string]bool
	problem *stripe.Error
	// expands is true if the handler reads expand itself.
	expands bool
}

func newForm(values url.Values) *form {
	return &form{values: values, read: map[string]bool{}}
}

func (f *form) fail(problem *stripe.Error) {
	if f.problem == nil {
		f.problem = problem
	}
}

func (f *form) text(name string) string {
	f.read[name] = true
	return f.values.Get(name)
}

func (f *form) optional(name string) *string {
	f.read[name] = true
	if !f.values.Has(name) {
		return nil
	}
	v := f.values.Get(name)
	return &v
}

func (f *form) whole(name string, required bool) int64 {
	v := f.optional(name)
	if v == nil {
		if required {
			f.fail(stripe.InvalidParam("parameter_missing", name, "Missing required param: %s.", name))
		}
		return 0
	}
	n, err := strconv.ParseInt(*v, 10, 64)
	if err != nil {
		f.fail(stripe.InvalidParam("parameter_invalid_integer", name, "Invalid integer: %s", *v))
	}
	return n
}

func (f *form) instant(name string) *int64 {
	if f.optional(name) == nil {
		return nil
	}
	n := f.whole(name, false)
	return &n
}

func (f *form) flag(name string) *bool {
	v := f.optional(name)
	if v == nil {
		return nil
	}
	b, err := strconv.ParseBool(*v)
	if err != nil {
		f.fail(stripe.InvalidParam("", name, "Invalid boolean: %s", *v))
	}
	return &b
}

func (f *form) oneOf(name, otherwise string, allowed ...string) string {
	v := f.text(name)
	if v == "" {
		return otherwise
	}
	if !slices.Contains(allowed, v) {
		f.fail(stripe.InvalidParam("", name, "Invalid %s: must be one of %s", name, strings.Join(allowed, ", ")))
	}
	return v
}

// list reads a[]=x and a[0]=x, a[1]=y.
func (f *form) list(name string) []string {
	var items []string
	f.read[name+"[]"] = true
	items = append(items, f.values[name+"[]"]...)
	for i := 0; f.values.Has(name + "[" + strconv.Itoa(i) + "]"); i++ {
		key := name + "[" + strconv.Itoa(i) + "]"
		f.read[key] = true
		items = append(items, f.values.Get(key))
	}
	return items
}

// expand returns the properties to expand, of those that the request allows. Any other is an error, as at Stripe.
func (f *form) expand(allowed ...string) map[string]bool {
	f.expands = true
	wanted := map[string]bool{}
	for _, property := range f.list("expand") {
		if !slices.Contains(allowed, property) {
			f.fail(stripe.InvalidParam("", "expand", "This property cannot be expanded (%s).", property))
		}
		wanted[property] = true
	}
	return wanted
}

// Limits of metadata.
const (
	metadataKeys  = 50
	metadataKey   = 40
	metadataValue = 500
)

func (f *form) metadata() map[string]string {
	m := map[string]string{}
	for key := range f.values {
		name, ok := strings.CutPrefix(key, "metadata[")
		if !ok || !strings.HasSuffix(name, "]") {
			continue
		}
		f.read[key] = true
		name = strings.TrimSuffix(name, "]")
		m[name] = f.values.Get(key)
		if len(name) > metadataKey || len(m[name]) > metadataValue {
			f.fail(stripe.InvalidParam("", key, "Metadata keys have at most 40 characters, values at most 500."))
		}
	}
	if len(m) > metadataKeys {
		f.fail(stripe.InvalidParam("", "metadata", "Metadata can have at most 50 keys."))
	}
	return m
}

// end returns the first problem, or the first parameter that was not read.
func (f *form) end() *stripe.Error {
	if !f.expands {
		f.expand()
	}
	if f.problem != nil {
		return f.problem
	}
	var unknown []string
	for name := range f.values {
		if !f.read[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return stripe.InvalidParam("parameter_unknown", unknown[0], "Received unknown parameter: %s", unknown[0])
	}
	return nil
}
