package layoutitem

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts/readmodel"
)

// row is a row of seats. It has its seats by rule (Prefix, Count, Digits), which keeps the item of an arena small, or by name
// (Seats) if they follow no rule. By rule, the name of seat k, counted from 1, is Prefix and k with leading zeros up to Digits
// digits.
type row struct {
	Name   string   `json:"name"`
	Prefix string   `json:"prefix,omitempty"`
	Count  int      `json:"count,omitempty"`
	Digits int      `json:"digits,omitempty"`
	Seats  []string `json:"seats,omitempty"`
}

// Bounds of an expanded body: a few bytes that say "two thousand million seats" must not crash a process.
const (
	maxSeats  = 200_000
	maxPrefix = 32
	maxDigits = 9
)

var errRow = errors.New("a row has neither a count of seats nor their names, or both")

// seats returns the number of seats of the row, or an error if the row cannot be expanded.
func (r row) seats() (int, error) {
	switch {
	case r.Count < 0, (r.Count > 0) == (len(r.Seats) > 0):
		return 0, errRow
	case len(r.Prefix) > maxPrefix, r.Digits < 0, r.Digits > maxDigits, r.Count > maxSeats:
		return 0, fmt.Errorf("row %q is %w", r.Name, ErrTooLarge)
	}
	return r.Count + len(r.Seats), nil
}

// names appends the names of the row's seats. Names by rule share the memory of one string.
func (r row) names(to []string) []string {
	if r.Count == 0 {
		return append(to, r.Seats...)
	}
	var all strings.Builder
	all.Grow(r.Count * (len(r.Prefix) + max(r.Digits, len(strconv.Itoa(r.Count)))))
	ends := make([]int, r.Count)
	for k := range r.Count {
		number := strconv.Itoa(k + 1)
		all.WriteString(r.Prefix)
		for range r.Digits - len(number) {
			all.WriteByte('0')
		}
		all.WriteString(number)
		ends[k] = all.Len()
	}
	from := 0
	for _, end := range ends {
		to = append(to, all.String()[from:end])
		from = end
	}
	return to
}

// Rule names the seats of a row: the name of seat k, counted from 1 to Count, is Prefix and k with leading zeros up to Digits
// digits.
type Rule struct {
	Prefix string
	Count  int
	Digits int
}

// RuleOf returns the rule that gives exactly the names of a row; found is false if none does. Of several rules it returns the
// one with the most digits, so that no leading zero is in the prefix: GA-1-0001 to GA-1-0260 are GA-1- with 4 digits, and not
// GA-1-0 with 3.
func RuleOf(r readmodel.LayoutRow) (rule Rule, found bool) {
	for digits := maxDigits; digits >= 0; digits-- {
		if ruled, found := ruleWith(r, digits); found {
			return Rule{Prefix: ruled.Prefix, Count: ruled.Count, Digits: ruled.Digits}, true
		}
	}
	return Rule{}, false
}

// rowOf returns the row by rule if a rule gives exactly its names, and by name otherwise. Of several rules it returns the one
// with the fewest digits.
func rowOf(r readmodel.LayoutRow) row {
	if len(r.Seats) == 0 {
		return row{Name: r.Name}
	}
	for digits := range maxDigits + 1 {
		if ruled, found := ruleWith(r, digits); found {
			return ruled
		}
	}
	return row{Name: r.Name, Seats: r.Seats}
}

// ruleWith returns the row by the rule that has so many digits, if it gives exactly the names of the row.
func ruleWith(r readmodel.LayoutRow, digits int) (ruled row, found bool) {
	// One digit gives the same names as none.
	if len(r.Seats) == 0 || digits == 1 {
		return row{}, false
	}
	prefix, found := strings.CutSuffix(r.Seats[0], fmt.Sprintf("%0*d", digits, 1))
	if !found || len(prefix) > maxPrefix {
		return row{}, false
	}
	ruled = row{Name: r.Name, Prefix: prefix, Count: len(r.Seats), Digits: digits}
	return ruled, ruled.gives(r.Seats)
}

func (r row) gives(seats []string) bool {
	for k, seat := range seats {
		if seat != fmt.Sprintf("%s%0*d", r.Prefix, r.Digits, k+1) {
			return false
		}
	}
	return true
}
