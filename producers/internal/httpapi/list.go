package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// defaultLimit and maxLimit bound the items of a page.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// Limit returns the page size that a query asks for: 1 to 100, 20 if it does not say. The error is a *Problem.
func Limit(query map[string]string) (int, error) {
	text, there := query["limit"]
	if !there {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit || strconv.Itoa(n) != text {
		return 0, NewProblem(CodeInvalidLimit, "limit must be a whole number from 1 to 100.")
	}
	return n, nil
}

// Cursors makes and parses the cursors of one list. K is the position where the next page begins. A cursor has no secret, because
// a position shows nothing that the list does not. A checksum over the position, the list and its filters shows that we made it,
// and for this list.
type Cursors[K comparable] struct {
	// List names the list with its filters. A cursor of another list is refused: its position means nothing here.
	List string
}

// Page is what the request of a list without filters asks for.
type Page[K comparable] struct {
	Cursors[K]
	Limit int
	// After is where the page begins, the zero K for the first one. The checksum of a cursor is no secret: a handler has to check that
	// the position may be read.
	After K
}

// PageOf returns what a request asks for of a list, which has no parameters but cursor and limit. The error is a *Problem.
func PageOf[K comparable](r Request, list string) (p Page[K], err error) {
	p.List = list
	query, err := r.Query("cursor", "limit")
	if err != nil {
		return p, err
	}
	if p.Limit, err = Limit(query); err != nil {
		return p, err
	}
	p.After, err = p.Of(query)
	return p, err
}

// InvalidCursor is the refusal of a cursor that we did not make for the list.
func InvalidCursor() *Problem {
	return NewProblem(CodeInvalidCursor, "This cursor is none of ours for this list.")
}

// sumBytes is the length of the checksum: nobody hits upon one by accident.
const sumBytes = 9

// Of returns the position that a query asks for, the zero K if it asks for none. The error is a *Problem if we did not make the
// cursor for this list.
func (c Cursors[K]) Of(query map[string]string) (K, error) {
	var k, zero K
	text, there := query["cursor"]
	if !there {
		return zero, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < sumBytes {
		return zero, InvalidCursor()
	}
	if err := json.Unmarshal(raw[sumBytes:], &k); err != nil || k == zero || c.Encode(k) != text {
		return zero, InvalidCursor()
	}
	return k, nil
}

// Encode returns the opaque text of a cursor.
func (c Cursors[K]) Encode(k K) string {
	raw, err := json.Marshal(k)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(strconv.Quote(c.List) + string(raw)))
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumBytes:sumBytes], raw...))
}
