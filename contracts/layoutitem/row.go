package layoutitem

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts/readmodel"
)

// row has its seats by rule, which is what makes an arena small, and by name where they follow none. By rule seat k, from 1, is
// Prefix and then k, with leading zeros up to Digits of them.
type row struct {
	Name   string   `json:"name"`
	Prefix string   `json:"prefix,omitempty"`
	Count  int      `json:"count,omitempty"`
	Digits int      `json:"digits,omitempty"`
	Seats  []string `json:"seats,omitempty"`
}

// Limits of what a body may expand to: a few bytes that say "two thousand million seats" must not take a process down.
const (
	maxSeats  = 200_000
	maxPrefix = 32
	maxDigits = 9
)

var errRow = errors.New("a row has neither a count of seats nor their names, or both")

// seats is how many the row has, or why it cannot be expanded.
func (r row) seats() (int, error) {
	switch {
	case r.Count < 0, (r.Count > 0) == (len(r.Seats) > 0):
		return 0, errRow
	case len(r.Prefix) > maxPrefix, r.Digits < 0, r.Digits > maxDigits, r.Count > maxSeats:
		return 0, fmt.Errorf("row %q is %w", r.Name, ErrTooLarge)
	}
	return r.Count + len(r.Seats), nil
}

// names appends the names of the row's seats, which share the memory of one string.
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

// rowOf writes a row by rule if one gives just its names.
func rowOf(r readmodel.LayoutRow) row {
	if len(r.Seats) == 0 {
		return row{Name: r.Name}
	}
	first := r.Seats[0]
	stem := strings.TrimRight(first, "0123456789")
	for digits := range min(len(first)-len(stem), maxDigits) + 1 {
		prefix, found := strings.CutSuffix(first, fmt.Sprintf("%0*d", digits, 1))
		// A width of 1 gives the names of none.
		if !found || len(prefix) > maxPrefix || digits == 1 {
			continue
		}
		if ruled := (row{Name: r.Name, Prefix: prefix, Count: len(r.Seats), Digits: digits}); ruled.gives(r.Seats) {
			return ruled
		}
	}
	return row{Name: r.Name, Seats: r.Seats}
}

func (r row) gives(seats []string) bool {
	for k, seat := range seats {
		if seat != fmt.Sprintf("%s%0*d", r.Prefix, r.Digits, k+1) {
			return false
		}
	}
	return true
}
