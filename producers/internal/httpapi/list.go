package httpapi

import (
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
func Limit(query map[string]string) (int, *Problem) {
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

// Cursor is where a query wants its list to go on; the zero K if it does not say. A cursor that we did not make is
// refused.
func Cursor[K comparable](query map[string]string) (K, *Problem) {
	var k, zero K
	text, there := query["cursor"]
	if !there {
		return zero, nil
	}
	invalid := NewProblem(CodeInvalidCursor, "This cursor is none of ours.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return zero, invalid
	}
	if err := json.Unmarshal(raw, &k); err != nil || k == zero || EncodeCursor(k) != text {
		return zero, invalid
	}
	return k, nil
}

// EncodeCursor makes the opaque text of a cursor.
func EncodeCursor[K comparable](k K) string {
	raw, err := json.Marshal(k)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
