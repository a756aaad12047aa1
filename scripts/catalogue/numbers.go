package catalogue

import (
	"math"
	"reflect"
	"strconv"
	"strings"
)

// checkNumbers checks each number of the file. JSON itself has no infinite ones, and refuses those that are too large for a
// float64.
func (d *drawing) checkNumbers() {
	for member, part := range map[string]any{
		"bounds": d.plan.Bounds, "focal": d.plan.Focal, "stage": d.plan.Stage, "decor": d.plan.Decor, "levels": d.plan.Levels,
	} {
		if n, bad := badNumber(part); bad {
			d.checkf(false, "%s: %s: it has %v", member, ruleNumbers, n)
		}
	}
	for name, section := range d.plan.Sections {
		if n, bad := badNumber(section); bad {
			d.checkf(false, "section %s: %s: it has %v", name, ruleNumbers, n)
		}
	}
	for name, shape := range d.plan.Groups {
		if n, bad := badNumber(shape.Outline); bad {
			d.broken(name, "", ruleNumbers, "its outline has %v", n)
		}
		if shape.Rows == nil {
			continue
		}
		rest := *shape.Rows
		rest.Runs = nil
		if n, bad := badNumber(rest); bad {
			d.broken(name, "", ruleNumbers, "its rows have %v", n)
		}
		for k, runs := range shape.Rows.Runs {
			if n, bad := badNumber(runs); bad {
				d.broken(name, d.rowName(name, k), ruleNumbers, "its runs have %v", n)
			}
		}
	}
}

// rowName returns the name of row k of a group, or its number from 1 if the layout does not have the row.
func (d *drawing) rowName(group string, k int) string {
	for _, g := range d.groups {
		if g.Group == group && k < len(g.Rows) {
			return g.Rows[k].Name
		}
	}
	return strconv.Itoa(k + 1)
}

// badNumber returns the first number in a value that breaks ruleNumbers.
func badNumber(value any) (n float64, bad bool) {
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Float64:
			if !bad && !goodNumber(v.Float()) {
				n, bad = v.Float(), true
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		}
	}
	walk(reflect.ValueOf(value))
	return n, bad
}

func goodNumber(n float64) bool {
	if !(math.Abs(n) <= 10_000) {
		return false
	}
	_, decimals, _ := strings.Cut(strconv.FormatFloat(n, 'f', -1, 64), ".")
	return len(decimals) <= 2
}
