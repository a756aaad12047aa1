package faults

import (
	"testing"
	"time"
)

// services are those that every order needs, and Stripe, which every ticket needs.
var services = []string{"redis", "sqs", "dynamodb", "stripe"}

// A service is unreachable for a while, under load. Breakers limit the tries of the functions, each order is accepted or refused
// at once, no message becomes poison, and each accepted order is decided within 60 s after the mend; with Stripe, each buyer who
// pays in time has the tickets.
func TestServiceIsCut(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			runInParallel(t, 60*time.Second)
			if service == "stripe" && !long() {
				t.Skip("in the long form (FAULTS=long); TestResponsesAreLost covers lost responses of Stripe in every run")
			}
			o := newOutage(t, service)
			o.breakService(func() error { o.links[service].Cut(); return nil }, o.links[service].Mend)
			// A refused connection costs no timeout.
			slowest := o.responseTimes.read()
			if slowest > 5*time.Second {
				t.Errorf("an order got its response after %s", slowest)
			}
			decided := o.waitRecovered()
			report(t, "%s cut for %s under %d orders/s, %d accepted, refused %v: slowest response %s, all decided %s after the mend",
				service, outageDuration(), o.rate, len(o.ledger.ids()), o.ledger.refused, slowest.Round(time.Millisecond), decided.Round(time.Second))
		})
	}
}
