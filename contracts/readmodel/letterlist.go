package readmodel

import (
	"fmt"
	"regexp"
	"strconv"

	"boxoffice/contracts"
)

// IndexLetters is the name of the sparse index of the table deadletters: List and ListedAt, keys only. It has letters and notes, and
// no attempts. Rows from before the index are not in it.
const IndexLetters = "letters"

// Values of List. Each is one partition of the index: both lists are short, and a thousand new rows a second fit into a partition.
const (
	ListLetters     = "letters"
	ListDifferences = "differences"
)

// SourceEvents is the source of a letter about an event, which comes from no queue.
const SourceEvents = "events"

// LetterKey is the key of a row in IndexLetters.
type LetterKey struct {
	List       string `dynamodbav:"letterList"`
	ListedAt   string `dynamodbav:"listedAt"`
	MessageKey string `dynamodbav:"messageKey"`
}

// listedAt returns "INSTANT#SOURCE": texts that sort by time, and name the queue of a letter, so that letters can be counted by
// queue without being read.
func listedAt(at contracts.Instant, source string) string {
	return fmt.Sprintf("%013d#%s", max(int64(at), 0), source)
}

// ListedFrom returns the least ListedAt of rows of an instant or later.
func ListedFrom(at contracts.Instant) string { return fmt.Sprintf("%013d#", max(int64(at), 0)) }

var listedForm = regexp.MustCompile(`^([0-9]{13})#([a-z][a-z0-9-]{0,39})$`)

// Source returns when the row was listed and where its letter comes from: the name of a dead-letter queue, or SourceEvents. ok is
// false for a text that is no ListedAt.
func (k LetterKey) Source() (at contracts.Instant, source string, ok bool) {
	parts := listedForm.FindStringSubmatch(k.ListedAt)
	if parts == nil {
		return 0, "", false
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	return contracts.Instant(ms), parts[2], err == nil
}
