package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// Bounds of a page.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// Limit is the page size that a query asks for: 1 to 100, 20 if it does not say.
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

// Cursors makes and reads the cursors of one list: K says where it goes on. A cursor is a position and lets nobody see more,
// so it needs no secret; a sum over it and the list shows that it is as we made it, and for this list.
type Cursors[K comparable] struct {
	// List names the list with its filters: a cursor of another one points to nowhere in this.
	List string
}

// sumBytes of a cursor: nobody hits upon one by accident.
const sumBytes = 9

// Of is where a query wants the list to go on; the zero K if it does not say. A cursor that we did not make for this list is
// refused.
func (c Cursors[K]) Of(query map[string]string) (K, error) {
	var k, zero K
	text, there := query["cursor"]
	if !there {
		return zero, nil
	}
	invalid := NewProblem(CodeInvalidCursor, "This cursor is none of ours for this list.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < sumBytes {
		return zero, invalid
	}
	if err := json.Unmarshal(raw[sumBytes:], &k); err != nil || k == zero || c.Encode(k) != text {
		return zero, invalid
	}
	return k, nil
}

// Encode makes the opaque text of a cursor.
func (c Cursors[K]) Encode(k K) string {
	raw, err := json.Marshal(k)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(strconv.Quote(c.List) + string(raw)))
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumBytes:sumBytes], raw...))
}
