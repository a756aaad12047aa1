package cost

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"boxoffice/scripts/catalogue"
)

// payHead and allHead are the first lines of the tables of payments in README.md.
const (
	payHead = "| Step of an order of 2 seats | Redis | DynamoDB | SQS, EventBridge | Stripe | Write units |"
	allHead = "| An order of 2 seats, all in all | Redis | DynamoDB | SQS, EventBridge | Stripe | Write units | SQS requests |"
)

// Budgets of a confirmed order of two seats when each message and version is handled alone, so that no batch saves a call.
const (
	maxSQSRequests = 15
	maxWriteUnits  = 20
	stripeWrites   = 2
)

// Each step of a payment, and a whole order from its POST to its end, make exactly the calls that the tables list.
func TestPaymentMakesTheCallsOfItsTables(t *testing.T) {
	concert := concertWithOneGroup(t)
	c := &payCosts{costs: &costs{meteredStack: startMetered(t, []catalogue.Entry{concert}), t: t}, byOrder: map[string]*journey{}}
	c.double("/double/deliveries", `{"hold":true}`)
	c.handle(t, "reserve", "orders", 1) // the RebuildGroup that the load of the catalogue sent
	// Two journeys warm the processes up, so that the calls of a process's start are not counted.
	c.journey("", concert).confirmed()
	c.journey("", concert).lost()
	confirmed := c.journey("confirmed", concert)
	confirmed.shown = true
	confirmed.confirmed()
	byTwos := c.journey("confirmed, mirrored by twos", concert)
	byTwos.byTwos = true
	byTwos.confirmed()
	c.journey("", concert).declined()
	lost, abandoned := c.journey("its seat is another's", concert), c.journey("abandoned", concert)
	lost.lost()
	abandoned.awaited()
	for range c.byOrder {
		c.holdEnds()
	}
	abandoned.voided()

	c.compare(payHead, c.rows)
	c.compare(allHead, []string{confirmed.row(), byTwos.row(), abandoned.row(), lost.row()})
	if n := confirmed.sqsRequests(); n > maxSQSRequests || confirmed.total.units > maxWriteUnits {
		t.Errorf("a confirmed order costs %d SQS requests and %g write units, want at most %d and %d", n, confirmed.total.units, maxSQSRequests, maxWriteUnits)
	}
	if n := confirmed.stripe("POST"); n != stripeWrites {
		t.Errorf("a confirmed order costs %d writes at Stripe, want %d", n, stripeWrites)
	}
	// Stripe's events have told the state of the payment, so it is not read.
	if n := confirmed.stripe("GET"); n != 0 {
		t.Errorf("a confirmed order costs %d reads at Stripe", n)
	}
}

// payCosts collects the rows of the tables of payments. Stripe holds its events back until they are released, so that a webhook
// is a step like any other.
type payCosts struct {
	*costs
	byOrder map[string]*journey
	// next is the index of the next pair of seats.
	next int
}

func (c *payCosts) double(path, body string) {
	c.t.Helper()
	if err := c.Double(c.t.Context(), http.MethodPost, path, body, nil); err != nil {
		c.t.Fatal(err)
	}
}

// holdEnds handles the next ExpireHold and adds its cost to its order.
func (c *payCosts) holdEnds() {
	c.t.Helper()
	var of string
	got := c.count("hold ended", func() { of = c.handle(c.t, "expire", "expiries", 1)[0] })
	j := c.byOrder[of]
	if j == nil {
		c.t.Fatalf("a hold ended of order %q, which is not an order of the test", of)
	}
	switch j.name {
	case "confirmed", "confirmed, mirrored by twos":
		j.add("hold ended, order paid", got)
	case "abandoned":
		j.shown = true
		j.add("hold ended, order open", got)
		j.version("EXPIRED")
	default:
		j.shown = false
		j.add("hold ended", got)
		if j.unpaid {
			c.newRecords(c.t, 1)
		}
	}
}

// sqsRequests counts three requests for each message: its send, and the mapping's receive and delete.
func (j *journey) sqsRequests() (n int) {
	for call, times := range j.total.times[onQueues] {
		switch name, entries, batch := strings.Cut(call, " of "); {
		case name == "SendMessage":
			n += 3 * times
		case name == "SendMessageBatch" && batch:
			size, err := strconv.Atoi(entries)
			if err != nil {
				j.t.Fatal(err)
			}
			n += 3 * size * times
		}
	}
	return n
}

// stripe returns the number of calls to Stripe with this HTTP method.
func (j *journey) stripe(method string) (n int) {
	for call, times := range j.total.times[onStripe] {
		if strings.HasPrefix(call, method+" ") {
			n += times
		}
	}
	return n
}

// row returns the journey's row of the table of whole orders.
func (j *journey) row() string {
	return j.total.row(j.name, onRedis, onDynamo, onQueues, onStripe) + " " + strconv.Itoa(j.sqsRequests()) + " |"
}
