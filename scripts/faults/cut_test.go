package faults

import (
	"testing"
	"time"
)

// services are those that every order needs.
var services = []string{"redis", "sqs", "dynamodb"}

// A service cannot be reached for a while, under 20 orders/s. Its breakers keep the functions from trying it all the time,
// an order is taken or refused at once, no message is poison by it, and each order that was taken is decided within 60 s
// after the mend.
func TestServiceIsCut(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			o := newOutage(t, service)
			o.last(func() error { o.links[service].Cut(); return nil }, o.links[service].Mend)
			// A connection that is refused costs no timeout.
			slowest := o.answer.read()
			if slowest > 5*time.Second {
				t.Errorf("an order was answered after %s", slowest)
			}
			decided := o.recovered()
			report(t, "%s cut for %s under 20 orders/s, %d taken, %v not: slowest answer %s, all decided %s after the mend",
				service, outageLasts(), len(o.ledger.ids()), o.ledger.refused, slowest.Round(time.Millisecond), decided.Round(time.Second))
		})
	}
}
