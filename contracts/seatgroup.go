package contracts

import (
	"errors"
	"fmt"
	"strings"
)

// SeatGroup names a set of seats whose orders are decided one after another. An order never spans two groups. The key
// "concertId#group" is the SQS MessageGroupId, the Redis hash tag and the partition key of tickets, so that all three always
// agree.
type SeatGroup struct {
	ConcertID string
	Group     string
}

// Maximum lengths of the two parts. Together they stay far below the 128 characters of a MessageGroupId. Neither part may
// contain "#", "{" or "}": "#" separates the parts, and the braces mark the hash tag.
const (
	maxConcertID = 40
	maxGroup     = 32
)

// Key returns "concertId#group".
func (g SeatGroup) Key() string { return g.ConcertID + "#" + g.Group }

// Validate returns an error for each part that is empty, too long or has a character other than A-Z a-z 0-9 _ -.
func (g SeatGroup) Validate() error {
	var problems []error
	if !isName(g.ConcertID, maxConcertID) {
		problems = append(problems, fmt.Errorf("concertId %q: 1 to %d of A-Z a-z 0-9 _ - wanted", g.ConcertID, maxConcertID))
	}
	if !isName(g.Group, maxGroup) {
		problems = append(problems, fmt.Errorf("group %q: 1 to %d of A-Z a-z 0-9 _ - wanted", g.Group, maxGroup))
	}
	return errors.Join(problems...)
}

// ParseSeatGroup is the inverse of Key.
func ParseSeatGroup(key string) (SeatGroup, error) {
	concert, group, found := strings.Cut(key, "#")
	if !found {
		return SeatGroup{}, fmt.Errorf("seat group key %q has no #", key)
	}
	g := SeatGroup{ConcertID: concert, Group: group}
	return g, g.Validate()
}

// ValidConcertID reports whether id has the form of a concert's id: 1 to 40 of A-Z a-z 0-9 _ -.
func ValidConcertID(id string) bool { return isName(id, maxConcertID) }

// ValidGroup reports whether name has the form of the name of a group or a section: 1 to 32 of A-Z a-z 0-9 _ -.
func ValidGroup(name string) bool { return isName(name, maxGroup) }

// maxSeatName bounds the name of a seat, so that the row of a full order stays near 1 KB.
const maxSeatName = 24

// ValidSeatName reports whether name has the form of a seat's name: 1 to 24 of A-Z a-z 0-9 _ -.
func ValidSeatName(name string) bool { return isName(name, maxSeatName) }

// ValidIdempotencyKey reports whether key is 1 to 64 of A-Z a-z 0-9 _ -.
func ValidIdempotencyKey(key string) bool { return isName(key, 64) }

// ValidCommandID reports whether id is 1 to 36 of A-Z a-z 0-9 _ -, as a UUID is. The id becomes part of a deduplication id.
func ValidCommandID(id string) bool { return isName(id, 36) }

func isName(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
