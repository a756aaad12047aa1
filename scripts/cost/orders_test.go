package cost

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/internal/apiclient"
)

// orderHead is the first line of the table of steps in README.md.
const orderHead = "| Step | Redis | DynamoDB | SQS, EventBridge | Write units |"

// The deployed binaries, warm and with batches of one seat group, send exactly the calls that the table lists.
func TestOrderMakesTheCallsOfItsTable(t *testing.T) {
	concert := concertWithOneGroup(t)
	c := &costs{meteredStack: startMetered(t, []catalogue.Entry{concert}), t: t}
	seats := concert.Groups[0].Seats
	c.warmUp(concert)

	var first apiclient.Accepted
	c.measure("POST, its seats are free", func() { first = c.post(concert, "first", seats[0], http.StatusAccepted) })
	c.measure("GET, there is no row yet", func() { c.get("first", first.OrderID) })
	for i := 1; i < 10; i++ {
		c.post(concert, "first-"+strconv.Itoa(i), seats[i], http.StatusAccepted)
	}
	for i := range 10 {
		c.post(concert, "second-"+strconv.Itoa(i), seats[i], http.StatusAccepted)
	}
	c.measure("10 orders held", func() { c.handle(t, "reserve", "orders", 10) })
	c.measureVersions("HELD")
	c.measure("10 orders rejected", func() { c.handle(t, "reserve", "orders", 10) })

	c.measure("POST, a seat is taken", func() { c.post(concert, "late", seats[0], http.StatusConflict) })
	c.measure("POST once more, same key", func() { c.post(concert, "first", seats[0], http.StatusAccepted) })
	c.measure("GET, there is a row", func() { c.get("first", first.OrderID) })
	c.measure("GET, the buyer's orders", func() { c.list("first", first.OrderID) })

	for i := range 10 {
		c.post(concert, "rival-"+strconv.Itoa(i), seats[10], http.StatusAccepted)
	}
	c.measure("10 orders for one free seat", func() { c.handle(t, "reserve", "orders", 10) })
	last := c.post(concert, "alone", seats[11], http.StatusAccepted)
	c.measure("1 order held", func() { c.handle(t, "reserve", "orders", 1) })
	c.measure("DELETE, the order is open", func() { c.cancel("alone", last.OrderID) })
	c.measure("1 order cancelled", func() { c.handle(t, "reserve", "orders", 1) })
	c.best(concert, "any")
	c.measure("1 order for any seats held", func() { c.handle(t, "reserve", "orders", 1) })

	// 10 orders rejected, 10 for one seat, one held, one cancelled, one for any seats.
	c.newRecords(t, 23)
	c.overLimit(concert, seats[len(seats)-12:])
	c.handle(t, "expire", "expiries", 1) // the hold of the warm-up, whose order is cancelled
	c.measure("10 holds expired", func() { c.handle(t, "expire", "expiries", 10) })
	c.measureVersions("EXPIRED")

	c.compare(orderHead, c.rows)
}

// overLimit lets a buyer hold as many seats as the limit allows, and then order one more.
func (c *costs) overLimit(e catalogue.Entry, seats []string) {
	c.t.Helper()
	buyer := c.as(c.t, "regular")
	limit := e.Concert.BuyerLimit()
	for n := 0; n < limit; n++ {
		answer, err := buyer.Place(c.t.Context(), "regular-"+strconv.Itoa(n), apiclient.OrderRequest{ConcertID: e.Concert.ConcertID, Seats: seats[n : n+1]})
		c.accepted(answer, err, http.StatusAccepted)
	}
	c.handle(c.t, "reserve", "orders", limit)
	c.newRecords(c.t, limit)
	c.measure("POST, over the limit per buyer", func() {
		answer, err := buyer.Place(c.t.Context(), "one-more", apiclient.OrderRequest{ConcertID: e.Concert.ConcertID, Seats: seats[limit : limit+1]})
		c.accepted(answer, err, http.StatusConflict)
		if answer.Problem().Code != "limit_reached" {
			c.t.Errorf("refused for %s", answer.Problem().Code)
		}
	})
}

// concertWithOneGroup returns a sample concert with its first seat group only.
func concertWithOneGroup(t *testing.T) catalogue.Entry {
	t.Helper()
	all, err := catalogue.Sample()
	if err != nil {
		t.Fatal(err)
	}
	concert := all[0]
	concert.Groups = concert.Groups[:1:1]
	return concert
}

// costs collects the rows of a table.
type costs struct {
	*meteredStack
	t    *testing.T
	rows []string
}

// measure adds the calls of a step as a row of the first table.
func (c *costs) measure(step string, do func()) {
	c.t.Helper()
	c.rows = append(c.rows, c.count(step, do).row(step, onRedis, onDynamo, onQueues))
}

// count returns the calls of a step. Calls that depend on time are not among them; count checks that they are no more than the
// time allows.
func (c *costs) count(step string, do func()) calls {
	c.t.Helper()
	c.meter.reset()
	from := time.Now()
	do()
	took := time.Since(from)
	got := c.meter.sinceReset()
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	if n := c.meter.timed["pace"]; n > 1+int(took/time.Second) {
		c.t.Errorf("%s: the pace was read or stored %d times in %s", step, n, took)
	}
	if n := c.meter.timed["concert"]; n > 1+int(took/(10*time.Second)) {
		c.t.Errorf("%s: a concert was read %d times in %s", step, n, took)
	}
	return got
}

// measureVersions invokes both readers of the stream with the new versions of 10 rows.
func (c *costs) measureVersions(status string) {
	c.t.Helper()
	versions := c.newRecords(c.t, 10)
	c.measure("10 versions "+status+" mirrored", func() { c.invoke(c.t, "mirror", versions) })
	c.measure("10 versions "+status+" published", func() { c.invoke(c.t, "publish", versions) })
}

// warmUp loads the group and sends an order through every function, so that the calls of a process's start are not counted.
func (c *costs) warmUp(e catalogue.Entry) {
	c.t.Helper()
	c.handle(c.t, "reserve", "orders", 1) // the RebuildGroup that the load of the catalogue sent
	seats := e.Groups[0].Seats
	o := c.post(e, "warm", seats[len(seats)-1], http.StatusAccepted)
	c.handle(c.t, "reserve", "orders", 1)
	c.get("warm", o.OrderID)
	version := c.newRecords(c.t, 1)
	c.invoke(c.t, "mirror", version)
	c.invoke(c.t, "publish", version)
	c.cancel("warm", o.OrderID)
	c.handle(c.t, "reserve", "orders", 1)
	c.newRecords(c.t, 1)
}

// post places an order for one seat. The user's name is the key.
func (c *costs) post(e catalogue.Entry, key, seat string, want int) apiclient.Accepted {
	c.t.Helper()
	answer, err := c.as(c.t, key).Place(c.t.Context(), key, apiclient.OrderRequest{ConcertID: e.Concert.ConcertID, Seats: []string{seat}})
	return c.accepted(answer, err, want)
}

// best places an order for the best two seats that are free.
func (c *costs) best(e catalogue.Entry, key string) {
	c.t.Helper()
	body := `{"concertId":"` + e.Concert.ConcertID + `","bestAvailable":{"quantity":2}}`
	answer, err := c.as(c.t, key).Do(c.t.Context(), http.MethodPost, "/orders", []byte(body), map[string]string{"Content-Type": "application/json", "Idempotency-Key": key})
	c.accepted(answer, err, http.StatusAccepted)
}

func (c *costs) cancel(user, id string) {
	c.t.Helper()
	answer, err := c.as(c.t, user).Do(c.t.Context(), http.MethodDelete, "/orders/"+id, nil, nil)
	c.accepted(answer, err, http.StatusAccepted)
}

func (c *costs) get(user, id string) {
	c.t.Helper()
	_, answer, err := c.as(c.t, user).Order(c.t.Context(), id)
	c.accepted(answer, err, http.StatusOK)
}

// list reads the orders of a buyer who has one.
func (c *costs) list(user, id string) {
	c.t.Helper()
	var page apiclient.Orders
	if err := c.as(c.t, user).Get(c.t.Context(), "/me/orders", &page); err != nil || len(page.Orders) != 1 || page.Orders[0].OrderID != id {
		c.t.Errorf("the buyer's orders are %+v, %v", page, err)
	}
}

func (c *costs) accepted(answer apiclient.Answer, err error, want int) (a apiclient.Accepted) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	if answer.Status != want {
		c.t.Fatalf("the answer is %d %+v, want %d", answer.Status, answer.Problem(), want)
	}
	if want < http.StatusBadRequest {
		if err := answer.Decode(&a); err != nil {
			c.t.Fatal(err)
		}
	}
	return a
}

// compare fails the test unless the rows are those of the table in README.md with the same head.
func (c *costs) compare(head string, rows []string) {
	c.t.Helper()
	line := strings.Repeat("| --- ", strings.Count(head, "|")-1) + "|"
	got := strings.Join(append([]string{head, line}, rows...), "\n") + "\n"
	c.t.Log("measured:\n" + got)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		c.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), head)
	want, _, _ := strings.Cut(head+after, "\n\n")
	want = strings.TrimSpace(want)
	if want+"\n" != got {
		c.t.Errorf("README.md shows\n%s\n\nmeasured is\n%s", want, got)
	}
}
