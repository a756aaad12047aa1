package cost

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

// journey is one order from its POST to its end.
type journey struct {
	*payCosts
	name  string
	entry catalogue.Entry
	seats []string
	// shown: its steps are rows of the table of steps.
	shown bool
	// unpaid: the order is still open when its hold ends.
	unpaid bool
	// byTwos: mirror gets two versions in one batch, HELD with AWAITING_PAYMENT and COMMITTED with CONFIRMED. On AWS that is the
	// usual case, since the mapping collects records for a second. waiting is the version that waits for the next one.
	byTwos  bool
	waiting []json.RawMessage
	user    string
	id      string
	intent  *apiclient.Payment
	total   calls
}

// journey returns an order that is still to be placed. It has a buyer and two seats of its own.
func (c *payCosts) journey(name string, e catalogue.Entry) *journey {
	at := 2 * c.next
	c.next++
	return &journey{payCosts: c, name: name, entry: e, seats: e.Groups[0].Seats[at : at+2], user: fmt.Sprint("buyer-", c.next), total: noCalls()}
}

// step adds the calls that do makes to the journey's total.
func (j *journey) step(name string, do func()) {
	j.t.Helper()
	j.add(name, j.count(name, do))
}

func (j *journey) add(step string, got calls) {
	j.total = j.total.plus(got)
	if j.shown {
		j.rows = append(j.rows, got.row(step, onRedis, onDynamo, onQueues, onStripe))
	}
}

// version invokes both readers of the stream with the order's new version.
func (j *journey) version(status string) {
	j.t.Helper()
	record := j.newRecords(j.t, 1)
	if mirrored := j.batchForMirror(record); mirrored != nil {
		j.step("version "+status+" mirrored", func() { j.invoke(j.t, "mirror", mirrored) })
	}
	j.step("version "+status+" published", func() { j.invoke(j.t, "publish", record) })
}

// batchForMirror returns the batch that mirror gets now, nil while this version waits for the next one.
func (j *journey) batchForMirror(event []byte) []byte {
	j.t.Helper()
	if !j.byTwos {
		return event
	}
	var batch struct{ Records []json.RawMessage }
	if err := json.Unmarshal(event, &batch); err != nil {
		j.t.Fatal(err)
	}
	if j.waiting = append(j.waiting, batch.Records...); len(j.waiting) < 2 {
		return nil
	}
	both, err := json.Marshal(map[string]any{"Records": j.waiting})
	if err != nil {
		j.t.Fatal(err)
	}
	j.waiting = nil
	return both
}

// awaited takes the order from its POST until it awaits payment.
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

// card confirms the payment as the buyer's browser does. Then Stripe delivers its events, which is the step.
func (j *journey) card(card, step string) {
	j.t.Helper()
	if _, err := j.Confirm(j.t.Context(), j.intent.ClientSecret, card); err != nil {
		j.t.Fatal(err)
	}
	j.step(step, func() { j.double("/double/deliveries/release", "{}") })
}

// confirmed takes the order from its POST to CONFIRMED.
func (j *journey) confirmed() {
	j.t.Helper()
	j.awaited()
	j.card("pm_card_visa", "webhook, card authorised")
	j.step("committed", func() { j.handle(j.t, "commit", "authorizations", 1) })
	j.version("COMMITTED")
	j.payment("captured")
	j.version("CONFIRMED")
}

// declined takes the order from its POST until its card was declined.
func (j *journey) declined() {
	j.t.Helper()
	j.awaited()
	j.shown = true
	j.card("pm_card_visa_chargeDeclined", "webhook, card declined")
	j.step("decline noted", func() { j.handle(j.t, "commit", "authorizations", 1) })
	j.newRecords(j.t, 1)
	j.unpaid = true
}

// lost takes the order from its POST to REJECTED: before it is paid, another order gets the ticket of its seat, as can happen
// when Redis has lost the hold.
func (j *journey) lost() {
	j.t.Helper()
	j.awaited()
	other, err := attributevalue.MarshalMap(readmodel.Ticket{SeatGroup: j.entry.Concert.ConcertID + "#" + j.entry.Groups[0].Group, Seat: j.seats[0], OrderID: "e1another"})
	if err != nil {
		j.t.Fatal(err)
	}
	if _, err := j.Dynamo.PutItem(j.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(j.Table("tickets")), Item: other}); err != nil {
		j.t.Fatal(err)
	}
	j.card("pm_card_visa", "webhook, card authorised")
	j.shown = j.name != ""
	j.step("not committed, seat lost", func() { j.handle(j.t, "commit", "authorizations", 1) })
	j.voided()
	j.version("REJECTED")
}

// voided cancels the authorisation of an order that has ended. Stripe sends an event about that too.
func (j *journey) voided() {
	j.t.Helper()
	j.payment("voided")
	j.step("webhook, cancelled", func() { j.double("/double/deliveries/release", "{}") })
	j.payment("checked")
}

// payment invokes pay until it has handled the order's message, and adds that call's cost. Messages of other orders may come
// first.
func (j *journey) payment(name string) {
	j.t.Helper()
	for {
		var of string
		got := j.count(name, func() { of = j.handle(j.t, "pay", "payments", 1)[0] })
		if of == j.id {
			j.add(name, got)
			return
		}
		// The events of another order are no cost of this one.
		j.double("/double/deliveries/release", "{}")
	}
}
