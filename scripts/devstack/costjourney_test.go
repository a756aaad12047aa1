package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/internal/apiclient"
)

// journey is one order on its way.
type journey struct {
	*payCosts
	name  string
	entry catalogue.Entry
	seats []string
	// shown says that its steps are rows of the table.
	shown bool
	// unpaid is still open when its hold ends.
	unpaid bool
	// gathers has mirror take its versions by twos, as they mostly come within the second that the mapping gathers records for:
	// HELD with AWAITING_PAYMENT, COMMITTED with CONFIRMED. gathered are the records of one that waits for the other.
	gathers  bool
	gathered []json.RawMessage
	user     string
	id       string
	intent   *apiclient.Payment
	total    counted
}

// journey is an order to come, of a buyer and two seats of its own.
func (c *payCosts) journey(name string, e catalogue.Entry) *journey {
	at := 2 * c.next
	c.next++
	return &journey{payCosts: c, name: name, entry: e, seats: e.Groups[0].Seats[at : at+2], user: fmt.Sprint("buyer-", c.next), total: none()}
}

// step adds what do costs to the journey's sum.
func (j *journey) step(name string, do func()) {
	j.t.Helper()
	j.add(name, j.count(name, do))
}

func (j *journey) add(step string, got counted) {
	j.total = j.total.plus(got)
	if j.shown {
		j.rows = append(j.rows, got.row(step, onRedis, onDynamo, onQueues, onStripe))
	}
}

// version hands the order's new version to both readers of the stream.
func (j *journey) version(status string) {
	j.t.Helper()
	record := j.newRecords(j.t, 1)
	if mirrored := j.gather(record); mirrored != nil {
		j.step("version "+status+" mirrored", func() { j.invoke(j.t, "mirror", mirrored) })
	}
	j.step("version "+status+" published", func() { j.invoke(j.t, "publish", record) })
}

// gather is the batch that mirror gets now, nil while it waits for another record.
func (j *journey) gather(event []byte) []byte {
	j.t.Helper()
	if !j.gathers {
		return event
	}
	var batch struct{ Records []json.RawMessage }
	if err := json.Unmarshal(event, &batch); err != nil {
		j.t.Fatal(err)
	}
	if j.gathered = append(j.gathered, batch.Records...); len(j.gathered) < 2 {
		return nil
	}
	both, err := json.Marshal(map[string]any{"Records": j.gathered})
	if err != nil {
		j.t.Fatal(err)
	}
	j.gathered = nil
	return both
}

// awaited is an order from its POST until it awaits payment.
func (j *journey) awaited() {
	j.t.Helper()
	j.step("POST", func() {
		answer, err := j.as(j.t, j.user).Place(j.t.Context(), "key-1", apiclient.OrderRequest{ConcertID: j.entry.Concert.ConcertID, Seats: j.seats})
		j.id = j.accepted(answer, err, http.StatusAccepted).OrderID
	})
	j.byOrder[j.id] = j
	j.step("held", func() { j.handle(j.t, "reserve", "orders", 1) })
	j.version("HELD")
	j.payment("payment opened")
	j.version("AWAITING_PAYMENT")
	order, _, err := j.as(j.t, j.user).Order(j.t.Context(), j.id)
	if err != nil || order.Payment == nil {
		j.t.Fatalf("the order is %s, payment %+v, %v", order.Status, order.Payment, err)
	}
	j.intent = order.Payment
}

// card confirms as the buyer's browser does, and has Stripe tell of it.
func (j *journey) card(card, told string) {
	j.t.Helper()
	if _, err := j.bed.Confirm(j.t.Context(), j.intent.ClientSecret, card); err != nil {
		j.t.Fatal(err)
	}
	j.step(told, func() { j.double("/double/deliveries/release", "{}") })
}

func (j *journey) confirmed() {
	j.t.Helper()
	j.awaited()
	j.card("pm_card_visa", "webhook, card authorised")
	j.step("committed", func() { j.handle(j.t, "commit", "authorizations", 1) })
	j.version("COMMITTED")
	j.payment("captured")
	j.version("CONFIRMED")
}

func (j *journey) declined() {
	j.t.Helper()
	j.awaited()
	j.shown = true
	j.card("pm_card_visa_chargeDeclined", "webhook, card declined")
	j.step("decline noted", func() { j.handle(j.t, "commit", "authorizations", 1) })
	j.newRecords(j.t, 1)
	j.unpaid = true
}

// lost is an order for a seat that gets another's ticket before it is paid, as when Redis has lost its hold.
func (j *journey) lost() {
	j.t.Helper()
	j.awaited()
	other, err := attributevalue.MarshalMap(readmodel.Ticket{SeatGroup: j.entry.Concert.ConcertID + "#" + j.entry.Groups[0].Group, Seat: j.seats[0], OrderID: "e1another"})
	if err != nil {
		j.t.Fatal(err)
	}
	if _, err := j.tables.PutItem(j.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(j.values["tableName:tickets"]), Item: other}); err != nil {
		j.t.Fatal(err)
	}
	j.card("pm_card_visa", "webhook, card authorised")
	j.shown = j.name != ""
	j.step("not committed, seat lost", func() { j.handle(j.t, "commit", "authorizations", 1) })
	j.voided()
	j.version("REJECTED")
}

// voided has the authorisation of an order that has ended given back, of which Stripe tells as well.
func (j *journey) voided() {
	j.t.Helper()
	j.payment("voided")
	j.step("webhook, cancelled", func() { j.double("/double/deliveries/release", "{}") })
	j.payment("checked")
}

// payment is a step of pay's. Other orders' messages may be before its own.
func (j *journey) payment(name string) {
	j.t.Helper()
	for {
		var of string
		got := j.count(name, func() { of = j.handle(j.t, "pay", "payments", 1)[0] })
		if of == j.id {
			j.add(name, got)
			return
		}
		// What Stripe tells of another order is not this one's cost.
		j.double("/double/deliveries/release", "{}")
	}
}
