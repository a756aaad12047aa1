package sqsbatch

import "slices"

// inTurn divides the groups of a batch: those that are handled concurrently, and those that are handled one after another when the
// others have ended. The groups of a FIFO queue are all handled concurrently.
//
// A standard queue has no groups, so each of its messages is a group, and SQS puts other messages beside it each time. If messages
// that were received before were handled concurrently, a message that kills its function would leave the notes of all of them, and
// after two such batches healthy messages would be poison. One after another, only the note of the message that kills its function
// stays: the note of each message before it is deleted when that message ends, and those after it have none. A message that is
// received for the first time has no note either way.
func (b *Batches) inTurn(groups []*group) (concurrent, later []*group) {
	if !b.options.Standard {
		return groups, nil
	}
	for _, g := range groups {
		if g.items[0].ReceiveCount >= notedFrom {
			later = append(later, g)
		} else {
			concurrent = append(concurrent, g)
		}
	}
	// The message that was received least often comes first: one that takes all of the time must not keep the others from being
	// handled, however often they are received together.
	slices.SortStableFunc(later, func(a, b *group) int { return a.items[0].ReceiveCount - b.items[0].ReceiveCount })
	return concurrent, later
}
