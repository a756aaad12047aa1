package topology

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// members checks facts of the document that decoding into a Topology loses: whether a member was present, and how its name was
// spelled. It reports each member that is missing, null or in another case. It also reports each optional member whose value
// means the same as leaving it out, unless the tag `zero` allows that: the author of "reservedConcurrency": 0 did not mean
// "no limit".
func (v *validator) members(where string, value any, t reflect.Type) {
	if value == nil {
		v.addf("%s is null", where)
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		v.members(where, value, t.Elem())
	case reflect.Slice:
		items, _ := value.([]any)
		for i, item := range items {
			v.members(fmt.Sprintf("%s[%d]", where, i), item, t.Elem())
		}
	case reflect.Map:
		object, _ := value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(object)) {
			v.members(where+"."+name, object[name], t.Elem())
		}
	case reflect.Struct:
		object, _ := value.(map[string]any)
		v.object(where, object, t)
	}
}

func (v *validator) object(where string, object map[string]any, t reflect.Type) {
	known := map[string]bool{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = true
		member, found := object[name]
		optional := options == "omitempty"
		switch {
		case !found && !optional:
			v.addf("%s has no %s", where, name)
		case found && optional && saysNothing(member) && field.Tag.Get("zero") == "":
			v.addf("%s: %s is %v: leave it out", where, name, member)
		case found:
			v.members(where+"."+name, member, field.Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !known[name] {
			v.addf("%s has unknown member %q", where, name)
		}
	}
	if _, fixed := object["delaySeconds"]; fixed {
		if _, after := object["delayAfterHoldSeconds"]; after {
			v.addf("%s has delaySeconds and delayAfterHoldSeconds", where)
		}
	}
}

// saysNothing reports whether a value is decoded to the same as a missing member.
func saysNothing(value any) bool {
	list, isList := value.([]any)
	return value == "" || value == float64(0) || isList && len(list) == 0
}
