package retry

import "errors"

// rereads bounds how often a row may change under a handler before the message goes back.
const rereads = 3

var errRowKeepsChanging = errors.New("the row kept changing")

// Reread does the steps of a handler from the read of its row on, and does them again, three times in all, while once
// answers that the row changed between the read and the write. After that the message comes again.
func Reread(once func() (outcome Outcome, again bool)) Outcome {
	for range rereads {
		if outcome, again := once(); !again {
			return outcome
		}
	}
	return Retry(errRowKeepsChanging)
}
