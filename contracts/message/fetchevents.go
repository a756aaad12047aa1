package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindFetchEvents lists the events that Stripe could not deliver and handles them as if it had. Cause: reconcile; pay itself,
// to continue a list that does not fit into one message. Handler: consumers/internal/pay/events.go.
const KindFetchEvents Kind = "FetchEvents"

// FetchEvents is version 1.
type FetchEvents struct {
	// Since is the earliest instant of the events to list; Run is the number of the reconcile run that asked, at least 1.
	Since contracts.Instant `json:"since"`
	Run   int64             `json:"run"`
	// After is the event after which the list continues; "" at the start. Stripe lists the newest first.
	After string `json:"after,omitempty"`
	// Deadline is when listing stops, because later runs have asked for the same events by then; 0 means never.
	Deadline contracts.Instant `json:"deadline,omitempty"`
}

// Kind implements Message.
func (FetchEvents) Kind() Kind   { return KindFetchEvents }
func (FetchEvents) version() int { return 1 }

// groupEvents is the message group of all fetches, so that two never run at once.
const groupEvents = "events"

// Route implements Message.
func (m FetchEvents) Route() Route {
	cause := "r" + strconv.FormatInt(m.Run, 10)
	if m.After != "" {
		cause += ":" + m.After
	}
	return Route{Queue: QueuePayments, Group: groupEvents, DeduplicationID: string(KindFetchEvents) + ":" + cause}
}

func (m FetchEvents) attributes() Attributes { return Attributes{} }

// Validate implements Message.
func (m FetchEvents) Validate() error {
	var p problems
	p.checkf(m.Since >= 1, "since is %d, want at least 1", m.Since)
	p.checkf(m.Run >= 1, "run is %d, want at least 1", m.Run)
	p.checkf(m.After == "" || validStripeID(m.After), "after %q is no event", m.After)
	p.checkf(m.Deadline >= 0, "deadline is %d, want at least 0", m.Deadline)
	return p.err()
}
