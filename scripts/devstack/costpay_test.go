package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/internal/testbed"
)

// payHead and allHead begin the tables of payments in consumers/README.md.
const (
	payHead = "| Step of an order of 2 seats | Redis | DynamoDB | SQS, EventBridge | Stripe | Write units |"
	allHead = "| An order of 2 seats, all in all | Redis | DynamoDB | SQS, EventBridge | Stripe | Write units | SQS requests |"
)

// Budgets of an order of two seats that is confirmed, each message and version handled alone: nothing is saved by a batch.
const (
	sqsRequestsAtMost = 15
	writeUnitsAtMost  = 20
	stripeWrites      = 2
)

// What a payment costs, step by step, and what an order costs from its POST to its end.
func TestWhatAPaymentCosts(t *testing.T) {
	concert := concertForCost(t)
	c := &payCosts{costs: &costs{meteredStack: startMetered(t, []catalogue.Entry{concert}), t: t}, byOrder: map[string]*journey{}}
	c.open()
	c.handle(t, "reserve", "orders", 1) // RebuildGroup, from the load of the catalogue
	// What an order costs, and not what a process costs at its start.
	c.journey("", concert).confirmed()
	c.journey("", concert).lost()
	confirmed := c.journey("confirmed", concert)
	confirmed.shown = true
	confirmed.confirmed()
	gathered := c.journey("confirmed, mirrored by twos", concert)
	gathered.gathers = true
	gathered.confirmed()
	c.journey("", concert).declined()
	lost, abandoned := c.journey("its seat is another's", concert), c.journey("abandoned", concert)
	lost.lost()
	abandoned.awaited()
	for range c.byOrder {
		c.holdEnds()
	}
	abandoned.voided()

	c.compare(payHead, c.rows)
	c.compare(allHead, []string{confirmed.row(), gathered.row(), abandoned.row(), lost.row()})
	if n := confirmed.sqsRequests(); n > sqsRequestsAtMost || confirmed.total.units > writeUnitsAtMost {
		t.Errorf("a confirmed order costs %d SQS requests and %g write units, want at most %d and %d", n, confirmed.total.units, sqsRequestsAtMost, writeUnitsAtMost)
	}
	if n := confirmed.stripe("POST"); n != stripeWrites {
		t.Errorf("a confirmed order costs %d writes at Stripe, want %d", n, stripeWrites)
	}
	// Nobody asks Stripe how a payment stands that it has told of.
	if n := confirmed.stripe("GET"); n != 0 {
		t.Errorf("a confirmed order costs %d reads at Stripe", n)
	}
}

// payCosts has Stripe deliver nothing until it is told to, so that a webhook is a step like any other.
type payCosts struct {
	*costs
	bed     *testbed.Bed
	byOrder map[string]*journey
	// next is the next pair of seats.
	next int
}

func (c *payCosts) open() {
	c.t.Helper()
	d := description{folder: c.folder, settings: c.settings, secrets: c.secrets, topology: c.topology, values: c.values}
	environment, err := d.variables()
	if err != nil {
		c.t.Fatal(err)
	}
	if c.bed, err = testbed.Open(c.t.Context(), environment); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = c.bed.Close() })
	c.double("/double/deliveries", `{"hold":true}`)
}

func (c *payCosts) double(path, body string) {
	c.t.Helper()
	if err := c.bed.Double(c.t.Context(), http.MethodPost, path, body, nil); err != nil {
		c.t.Fatal(err)
	}
}

// holdEnds handles one ExpireHold, of whichever order it is.
func (c *payCosts) holdEnds() {
	c.t.Helper()
	var of string
	got := c.count("hold ended", func() { of = c.handle(c.t, "expire", "expiries", 1)[0] })
	j := c.byOrder[of]
	if j == nil {
		c.t.Fatalf("a hold of order %q ended, which is none of the test's", of)
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

// sqsRequests are the messages' sends, and for each its receive and its delete by the mapping.
func (j *journey) sqsRequests() (n int) {
	for call, times := range j.total.calls[onQueues] {
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

// stripe is how many calls of a method there were.
func (j *journey) stripe(method string) (n int) {
	for call, times := range j.total.calls[onStripe] {
		if strings.HasPrefix(call, method+" ") {
			n += times
		}
	}
	return n
}

// row is the journey's row of the table.
func (j *journey) row() string {
	return j.total.row(j.name, onRedis, onDynamo, onQueues, onStripe) + " " + strconv.Itoa(j.sqsRequests()) + " |"
}
