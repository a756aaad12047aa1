package message

import (
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
)

// With the longest fields that Validate accepts, group and deduplication id must fit SQS: at most 128 characters, all of which
// SQS accepts there.
func TestLongestFieldsFitSQS(t *testing.T) {
	tested := map[Kind]bool{}
	concert, group := strings.Repeat("c", 40), strings.Repeat("g", 32)
	// The last instant that a body can have.
	longest := contracts.InstantOf(time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC))
	for _, m := range []Message{
		PlaceOrder{
			OrderID: goldenOrder, UserID: strings.Repeat("u", 128), ConcertID: concert, Group: group, LayoutVersion: math.MaxInt,
			Seats: []string{strings.Repeat("s", 24)}, RequestHash: strings.Repeat("h", 22), AcceptedAt: 1, Deadline: 2,
		},
		PlaceOrder{
			OrderID: goldenOrder, UserID: strings.Repeat("u", 128), ConcertID: concert, Group: group, LayoutVersion: math.MaxInt,
			RequestHash: strings.Repeat("h", 22), AcceptedAt: 1, Deadline: 2,
			BestAvailable: &BestAvailable{Section: group, Quantity: MaxSeatsPerOrder, Accessible: MaxSeatsPerOrder}, Visited: []string{"a", "b", "c"},
		},
		ExpireHold{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: math.MaxInt},
		ExpireHold{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: 1, Run: math.MaxInt64},
		CancelOrder{OrderID: goldenOrder, ConcertID: concert, Group: group, CommandID: strings.Repeat("c", 36)},
		SettleOrder{OrderID: goldenOrder, ConcertID: concert, Group: group, Reason: contracts.ReasonSeatLost, CommandID: strings.Repeat("c", 36)},
		MirrorOrder{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: math.MaxInt},
		RebuildGroup{ConcertID: concert, Group: group, CommandID: strings.Repeat("c", 36)},
		OpenPayment{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: math.MaxInt},
		CapturePayment{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: 1, Run: math.MaxInt64},
		VoidPayment{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: math.MaxInt, PaymentIntentID: strings.Repeat("p", maxStripeID)},
		CheckPayment{OrderID: goldenOrder, ConcertID: concert, Group: group, CauseID: strings.Repeat("c", maxStripeID)},
		VoidPayment{OrderID: goldenOrder, ConcertID: concert, Group: group, RowVersion: math.MaxInt, PaymentIntentID: strings.Repeat("p", maxStripeID), CauseID: strings.Repeat("c", maxStripeID)},
		FetchEvents{Since: 1, Run: math.MaxInt64, After: strings.Repeat("e", maxStripeID), Deadline: 1},
		AuditLedger{From: longest - 1, To: longest, Run: math.MaxInt64, After: strings.Repeat("p", maxStripeID), Deadline: 1},
		PaymentAuthorized{OrderID: goldenOrder, ConcertID: concert, Group: group, EventID: strings.Repeat("e", maxStripeID),
			PaymentIntentID: "pi_1", Amount: contracts.Money{Minor: math.MaxInt64, Currency: "EUR"}, Mode: ModeLive},
		PaymentDeclined{OrderID: goldenOrder, ConcertID: concert, Group: group, EventID: strings.Repeat("e", maxStripeID),
			At: 1, Code: strings.Repeat("c", maxStripeID), Text: strings.Repeat("ä", MaxDeclineText)},
		CloseConnections{UserID: strings.Repeat("u", maxUserID), Until: longest},
		NotifyOrder{OrderID: goldenOrder, RowVersion: math.MaxInt, Status: contracts.AwaitingPayment},
		NotifyAccount{UserID: strings.Repeat("u", maxUserID), Link: maillink.Reset, Nonce: strings.Repeat("n", 64), LinkEndsAt: longest},
		StopMails{UserIDs: []string{strings.Repeat("u", maxUserID)}, Reason: MailComplained},
	} {
		tested[m.Kind()] = true
		e, err := Encode(m, "trace")
		if err != nil {
			t.Errorf("%s: %v", m.Kind(), err)
			continue
		}
		for name, value := range map[string]string{"group": e.Route.Group, "deduplication id": e.DeduplicationID} {
			const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
			wrong := strings.TrimFunc(value, func(r rune) bool {
				return r < 128 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(punctuation, r))
			})
			if len(value) > 128 || wrong != "" {
				t.Errorf("%s: %s of %d characters with %q", m.Kind(), name, len(value), wrong)
			}
		}
	}
	if len(tested) != len(Kinds()) {
		t.Errorf("%d kinds, %d tested", len(Kinds()), len(tested))
	}
}

// tooLong is a message whose deduplication id SQS would refuse.
type tooLong struct{ RebuildGroup }

func (tooLong) Route() Route { return Route{DeduplicationID: strings.Repeat("d", 129)} }

func TestEncodeRefusesWhatSQSWould(t *testing.T) {
	m := tooLong{RebuildGroup{ConcertID: "c", Group: "g", CommandID: "1"}}
	if e, err := Encode(m, ""); err == nil || !strings.Contains(err.Error(), "129") {
		t.Errorf("encoded %+v, error %v", e, err)
	}
	// This is the only text from outside in a message. SQS accepts the characters of XML, so it refuses the last two below
	// U+10000.
	for text, good := range map[string]bool{"\uFFFD": true, "\U0001FFFF": true, "\x00": true, "a\uFFFE": false, "\uFFFFb": false} {
		declined := PaymentDeclined{OrderID: goldenOrder, ConcertID: "c", Group: "g", EventID: "e", At: 1, Code: "c", Text: text}
		if _, err := Encode(declined, ""); (err == nil) != good {
			t.Errorf("text %+q: %v, want it taken %t", text, err, good)
		}
	}
}

func TestAttributesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 40, -1)
		a := Attributes{
			Kind: Kind(text.Draw(t, "kind")), OrderID: contracts.OrderID(text.Draw(t, "order")), UserID: text.Draw(t, "user"),
			ConcertID: text.Draw(t, "concert"), Group: text.Draw(t, "group"), Trace: text.Draw(t, "trace"),
		}
		m := a.Map()
		for name, value := range m {
			if value == "" {
				t.Fatalf("%s is empty, which SQS refuses", name)
			}
		}
		m["another"] = "ignored"
		if back := AttributesOf(m); back != a {
			t.Fatalf("%+v is read as %+v", a, back)
		}
	})
	// SQS accepts 10 attributes; a dead letter has one more than other messages.
	all := reflect.TypeFor[Attributes]().NumField() + 1
	if all > 10 {
		t.Errorf("%d attributes", all)
	}
}

func TestAttributesSeatGroup(t *testing.T) {
	if g := (Attributes{ConcertID: "c", Group: "g"}).SeatGroup(); g.Key() != "c#g" {
		t.Errorf("group %s", g.Key())
	}
}

// All messages of a seat group have the same message group, whatever their kind: only that orders them.
func TestMessagesOfASeatGroupShareItsOrder(t *testing.T) {
	for _, g := range goldens {
		want := string(goldenSource)
		if g.route.Queue == QueueNotifications {
			want = "" // a standard queue has no groups
		}
		if g.route.Queue == QueuePayments {
			// The message group of a payment is its order. Messages without an order have a group for their kind.
			if want = g.attributes["orderId"]; want == "" {
				continue
			}
		}
		if got := g.message.Route().Group; got != want {
			t.Errorf("%s is in group %q, want %q", g.message.Kind(), got, want)
		}
	}
}

// SQS drops a second message with the same id within 5 minutes, so messages with different causes must have different ids.
func TestDeduplicationFollowsTheCause(t *testing.T) {
	place := goldens[0].message.(PlaceOrder)
	again, otherBody := place, place
	again.AcceptedAt, again.Deadline = place.AcceptedAt+5, place.Deadline+5
	otherBody.RequestHash = strings.Repeat("a", 22)
	if again.Route() != place.Route() {
		t.Error("a repeated POST is another message")
	}
	if otherBody.Route() == place.Route() {
		t.Error("another body under the same key would be dropped")
	}
	hold := ExpireHold{OrderID: goldenOrder, ConcertID: "c", Group: "g", RowVersion: 1}
	later := hold
	later.RowVersion = 2
	if hold.Route() == later.Route() {
		t.Error("an ExpireHold of a later row would be dropped")
	}
	audit := AuditLedger{From: 1, To: 2, Run: 1}
	for name, other := range map[string]AuditLedger{
		"another window of the run": {From: 2, To: 3, Run: 1}, "the same window in a later run": {From: 1, To: 2, Run: 2},
		"the same look, further on": {From: 1, To: 2, Run: 1, After: "pi_1"},
	} {
		if other.Route() == audit.Route() {
			t.Errorf("%s would be dropped", name)
		}
	}
	if (FetchEvents{Since: 1, Run: 1}).Route() == (FetchEvents{Since: 1, Run: 1, After: "evt_1"}).Route() {
		t.Error("a list of events that goes on would be dropped")
	}
	mirror := MirrorOrder{OrderID: goldenOrder, ConcertID: "c", Group: "g", RowVersion: 1}
	next := mirror
	next.RowVersion = 2
	if mirror.Route() == next.Route() {
		t.Error("a MirrorOrder of a later row would be dropped")
	}
}

func TestFence(t *testing.T) {
	for number, want := range map[string]string{
		"18849496460467696128": "18849496460467696128", "62": "00000000000000000062", "": "00000000000000000000",
	} {
		if got := (Delivery{SequenceNumber: number}).Fence(); got != want {
			t.Errorf("fence of %q = %q, want %q", number, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		fence := func(n uint64) string { return Delivery{SequenceNumber: strconv.FormatUint(n, 10)}.Fence() }
		if (a < b) != (fence(a) < fence(b)) {
			t.Fatalf("%d and %d compare otherwise as fences", a, b)
		}
	})
}

// Decode never panics, whatever the body. A decoded message is encoded so that it decodes to the same message with the same
// route.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens {
		f.Add(g.body(f))
		f.Add(g.with(f, "v", "2"))
		f.Add(g.with(f, "v", "1"))
		f.Add(g.with(f, "another", "1"))
		f.Add(g.with(f, "concertId", `"a#b"`))
	}
	f.Add(goldens[0].with(f, "deadline", `"9999-12-31T23:59:59-23:59"`))
	f.Add(goldens[0].with(f, "userId", `"\u0000"`))
	f.Fuzz(func(t *testing.T, body string) {
		m, err := Decode(body)
		if err != nil {
			if m != nil {
				t.Fatalf("both %v and %v", m, err)
			}
			return
		}
		e, err := Encode(m, "t")
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", m, err)
		}
		again, err := Decode(e.Body)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v is written as %s and read as %+v, %v", m, e.Body, again, err)
		}
		if again.Route() != m.Route() || !maps.Equal(again.attributes().Map(), m.attributes().Map()) {
			t.Errorf("%+v goes to %+v, its copy to %+v", m, m.Route(), again.Route())
		}
	})
}
