package contracts

import (
	"errors"
	"fmt"
	"strings"
)

// SeatGroup names the unit of ordering: the seats whose orders are decided one after another. Its key
// "concertId#group" is the SQS MessageGroupId, the Redis hash tag and the partition key of tickets, so that all three
// agree by construction. An order never spans two groups.
type SeatGroup struct {
	ConcertID string
	Group     string
}

// Limits of the two parts. Together they stay far below the 128 characters of a MessageGroupId, and neither may hold
// "#", "{" or "}", which separate the parts and mark the hash tag.
const (
	maxConcertID = 40
	maxGroup     = 32
)

// Key is "concertId#group".
func (g SeatGroup) Key() string { return g.ConcertID + "#" + g.Group }

// Validate reports each part that is empty, too long or holds another character than letters, digits, "-" and "_".
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

// ValidConcertID says whether id has the form of a concert's id: 1 to 40 of A-Z a-z 0-9 _ -.
func ValidConcertID(id string) bool { return isName(id, maxConcertID) }

// ValidGroup says whether name has the form of a group's or a section's name: 1 to 32 of A-Z a-z 0-9 _ -.
func ValidGroup(name string) bool { return isName(name, maxGroup) }

// maxSeatName bounds a seat's name, so that a full order's row stays near 1 KB.
const maxSeatName = 24

// ValidSeatName says whether name has the form of a seat: 1 to 24 of A-Z a-z 0-9 _ -.
func ValidSeatName(name string) bool { return isName(name, maxSeatName) }

// ValidIdempotencyKey says whether key is 1 to 64 of A-Z a-z 0-9 _ -.
func ValidIdempotencyKey(key string) bool { return isName(key, 64) }

// ValidCommandID says whether id is 1 to 36 of A-Z a-z 0-9 _ -, as a UUID is. It is part of a deduplication id, which
// takes no other characters that are safe in a log and a shell.
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
