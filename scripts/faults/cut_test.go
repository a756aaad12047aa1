package faults

import (
	"testing"
	"time"
)

// services are those that every order needs, and Stripe, which every ticket needs.
var services = []string{"redis", "sqs", "dynamodb", "stripe"}

// A service cannot be reached for a while, under load. Its breakers keep the functions from trying it all the time,
// an order is taken or refused at once, no message is poison by it, and each order that was taken is decided within 60 s
// after the mend; where it is Stripe, each buyer who pays in time has his tickets.
func TestServiceIsCut(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			sideBySide(t, 60*time.Second)
			if service == "stripe" && !long() {
				t.Skip("in the long form (FAULTS=long); TestAnswersAreSwallowed has Stripe without answers in each")
			}
			o := newOutage(t, service)
			o.last(func() error { o.links[service].Cut(); return nil }, o.links[service].Mend)
			// A connection that is refused costs no timeout.
			slowest := o.answer.read()
			if slowest > 5*time.Second {
				t.Errorf("an order was answered after %s", slowest)
			}
			decided := o.recovered()
			report(t, "%s cut for %s under %d orders/s, %d taken, %v not: slowest answer %s, all decided %s after the mend",
				service, outageLasts(), o.rate, len(o.ledger.ids()), o.ledger.refused, slowest.Round(time.Millisecond), decided.Round(time.Second))
		})
	}
}
