package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindFetchEvents asks Stripe for events that it could not deliver, and sends them on as if it had. Cause: reconcile.
// Handler: consumers/internal/pay/events.go.
const KindFetchEvents Kind = "FetchEvents"

// FetchEvents is version 1.
type FetchEvents struct {
	// Since is the instant from which events are asked for; Run is the number of the run.
	Since contracts.Instant `json:"since"`
	Run   int64             `json:"run"`
}

// Kind implements Message.
func (FetchEvents) Kind() Kind   { return KindFetchEvents }
func (FetchEvents) version() int { return 1 }

// groupEvents orders the fetches, so that there are never two at once.
const groupEvents = "events"

// Route implements Message.
func (m FetchEvents) Route() Route {
	return Route{Queue: QueuePayments, Group: groupEvents, DeduplicationID: string(KindFetchEvents) + ":r" + strconv.FormatInt(m.Run, 10)}
}

func (m FetchEvents) attributes() Attributes { return Attributes{} }

// Validate implements Message.
func (m FetchEvents) Validate() error {
	var p problems
	p.checkf(m.Since >= 1, "since is %d, want at least 1", m.Since)
	p.checkf(m.Run >= 1, "run is %d, want at least 1", m.Run)
	return p.err()
}
