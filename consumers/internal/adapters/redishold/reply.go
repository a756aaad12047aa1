package redishold

import (
	"fmt"
	"strconv"
	"strings"

	"boxoffice/contracts"
)

// reply is the result of a script: a word, the instant by the server's clock, and the rest.
type reply struct {
	word string
	at   contracts.Instant
	rest []any
}

func parseReply(raw []any) (reply, error) {
	if len(raw) < 2 {
		return reply{}, fmt.Errorf("reply %v is too short", raw)
	}
	word, ok1 := raw[0].(string)
	at, ok2 := raw[1].(int64)
	if !ok1 || !ok2 {
		return reply{}, fmt.Errorf("reply %v does not begin with a word and an instant", raw)
	}
	return reply{word: word, at: contracts.Instant(at), rest: raw[2:]}, nil
}

// text returns the i-th part of the rest.
func (r reply) text(i int) (string, error) {
	if i < len(r.rest) {
		if s, ok := r.rest[i].(string); ok {
			return s, nil
		}
	}
	return "", fmt.Errorf("reply %s %v has no text at %d", r.word, r.rest, i)
}

// instant returns the i-th part of the rest, an integer.
func (r reply) instant(i int) (contracts.Instant, error) {
	if i < len(r.rest) {
		if n, ok := r.rest[i].(int64); ok {
			return contracts.Instant(n), nil
		}
	}
	return 0, fmt.Errorf("reply %s %v has no instant at %d", r.word, r.rest, i)
}

// places returns the i-th part of the rest: "3,0,12", or "" for none.
func (r reply) places(i int) ([]int, error) {
	list, err := r.text(i)
	if err != nil || list == "" {
		return nil, err
	}
	var places []int
	for part := range strings.SplitSeq(list, ",") {
		p, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("reply %s has places %q: %w", r.word, list, err)
		}
		places = append(places, p)
	}
	return places, nil
}

// orders returns the i-th part of the rest: "a,b", or "" for none.
func (r reply) orders(i int) ([]contracts.OrderID, error) {
	list, err := r.text(i)
	if err != nil || list == "" {
		return nil, err
	}
	var ids []contracts.OrderID
	for id := range strings.SplitSeq(list, ",") {
		ids = append(ids, contracts.OrderID(id))
	}
	return ids, nil
}

// pairs calls each for the i-th part of the rest, a list of texts in pairs.
func (r reply) pairs(i int, each func(name, value string) error) error {
	if i >= len(r.rest) {
		return fmt.Errorf("reply %s has no list at %d", r.word, i)
	}
	list, ok := r.rest[i].([]any)
	if !ok || len(list)%2 != 0 {
		return fmt.Errorf("reply %s has no list of pairs at %d: %v", r.word, i, r.rest[i])
	}
	for n := 0; n < len(list); n += 2 {
		name, ok1 := list[n].(string)
		value, ok2 := list[n+1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("reply %s has no texts at %d: %v, %v", r.word, i, list[n], list[n+1])
		}
		if err := each(name, value); err != nil {
			return err
		}
	}
	return nil
}

// joined is the inverse of places.
func joined(places []int) string {
	parts := make([]string, len(places))
	for i, p := range places {
		parts[i] = strconv.Itoa(p)
	}
	return strings.Join(parts, ",")
}
