package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
)

// golden is a message with its exact encoding, which must be read and written as long as its version exists: a queue can hold
// it across any deployment. A file is never changed; a new version is a new file.
type golden struct {
	file    string
	message Message
	route   Route
	// attributes are those besides kind and trace.
	attributes map[string]string
	// optional are the members that other messages of the kind can lack.
	optional []string
}

const (
	goldenOrder  = "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4"
	goldenUser   = "3f0c6a52-8d1e-4b7a-9c55-0e2f7d91a4b8"
	goldenHash   = "73u50sPNnq2U_Ra2Jk2LAw"
	goldenSource = "vienna-2027-03-14#parkett-left"
)

var goldens = []golden{
	{
		file: "PlaceOrder.v1.json",
		message: PlaceOrder{
			OrderID: goldenOrder, UserID: goldenUser, ConcertID: "vienna-2027-03-14", Group: "parkett-left", LayoutVersion: 3,
			Seats: []string{"F-12", "F-11"}, RequestHash: goldenHash, AcceptedAt: 1800003600042, Deadline: 1800003720042,
		},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":PlaceOrder:" + goldenHash},
		attributes: map[string]string{"orderId": goldenOrder, "userId": goldenUser, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "ExpireHold.v1.json",
		message:    ExpireHold{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 1},
		route:      Route{Queue: "expiries", Group: goldenSource, DeduplicationID: goldenOrder + ":ExpireHold:v1"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file: "PlaceOrder.best.v1.json",
		message: PlaceOrder{
			OrderID: goldenOrder, UserID: goldenUser, ConcertID: "vienna-2027-03-14", Group: "parkett-left", LayoutVersion: 3,
			RequestHash: goldenHash, AcceptedAt: 1800003600042, Deadline: 1800003720042,
			BestAvailable: &BestAvailable{Section: "parkett", Quantity: 2}, Visited: []string{"parkett-right"},
		},
		optional:   []string{"bestAvailable", "visited"},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":PlaceOrder:" + goldenHash + ":1"},
		attributes: map[string]string{"orderId": goldenOrder, "userId": goldenUser, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file: "PlaceOrder.accessible.v2.json",
		message: PlaceOrder{
			OrderID: goldenOrder, UserID: goldenUser, ConcertID: "vienna-2027-03-14", Group: "parkett-left", LayoutVersion: 3,
			RequestHash: goldenHash, AcceptedAt: 1800003600042, Deadline: 1800003720042,
			BestAvailable: &BestAvailable{Section: "parkett", Quantity: 3, Accessible: 1}, Visited: []string{"parkett-right"},
		},
		optional:   []string{"bestAvailable", "visited"},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":PlaceOrder:" + goldenHash + ":1"},
		attributes: map[string]string{"orderId": goldenOrder, "userId": goldenUser, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "ExpireHold.run.v1.json",
		message:    ExpireHold{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 2, Run: 29999999},
		optional:   []string{"run"},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":ExpireHold:r29999999"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "CancelOrder.v1.json",
		message:    CancelOrder{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", CommandID: "v1"},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":CancelOrder:v1"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "SettleOrder.v1.json",
		message:    SettleOrder{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", Reason: "seat_lost", CommandID: "s-4000000001"},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":SettleOrder:s-4000000001"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "MirrorOrder.v1.json",
		message:    MirrorOrder{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 3},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: goldenOrder + ":MirrorOrder:v3"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "RebuildGroup.v1.json",
		message:    RebuildGroup{ConcertID: "vienna-2027-03-14", Group: "parkett-left", CommandID: "5a2d7e0c-1f43-4a9b-8e6d-c07b91f2a3d5"},
		route:      Route{Queue: "orders", Group: goldenSource, DeduplicationID: "RebuildGroup:5a2d7e0c-1f43-4a9b-8e6d-c07b91f2a3d5"},
		attributes: map[string]string{"concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "OpenPayment.v1.json",
		message:    OpenPayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 1},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":OpenPayment:v1"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "OpenPayment.run.v1.json",
		message:    OpenPayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 1, Run: 29999999},
		optional:   []string{"run"},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":OpenPayment:r29999999"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "CapturePayment.v1.json",
		message:    CapturePayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 3},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":CapturePayment:v3"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "CapturePayment.run.v1.json",
		message:    CapturePayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 3, Run: 29999999},
		optional:   []string{"run"},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":CapturePayment:r29999999"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "VoidPayment.v1.json",
		message:    VoidPayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 3},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":VoidPayment:v3"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "VoidPayment.late.v1.json",
		message:    VoidPayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 3, PaymentIntentID: "pi_3PqL8Z2eZvKYlo2C1"},
		optional:   []string{"paymentIntentId"},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":VoidPayment:v3:pi_3PqL8Z2eZvKYlo2C1"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file: "VoidPayment.cause.v1.json",
		message: VoidPayment{
			OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", RowVersion: 0,
			PaymentIntentID: "pi_3PqL8Z2eZvKYlo2C1", CauseID: "dlq_5a2d7e0c1f434a9b8e6dc07b91f2a3d5",
		},
		// Without the cause, the row version is required, as in the first of these files.
		optional:   []string{"rowVersion", "paymentIntentId", "causeId"},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":VoidPayment:dlq_5a2d7e0c1f434a9b8e6dc07b91f2a3d5"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "CheckPayment.v1.json",
		message:    CheckPayment{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", CauseID: "r29999999"},
		route:      Route{Queue: "payments", Group: goldenOrder, DeduplicationID: goldenOrder + ":CheckPayment:r29999999"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "FetchEvents.v1.json",
		message:    FetchEvents{Since: 1800003600042, Run: 29999999},
		route:      Route{Queue: "payments", Group: "events", DeduplicationID: "FetchEvents:r29999999"},
		attributes: map[string]string{},
	},
	{
		file:       "FetchEvents.on.v1.json",
		message:    FetchEvents{Since: 1800003600042, Run: 29999999, After: "evt_1PqLAB2eZvKYlo2C", Deadline: 1800003900042},
		optional:   []string{"after", "deadline"},
		route:      Route{Queue: "payments", Group: "events", DeduplicationID: "FetchEvents:r29999999:evt_1PqLAB2eZvKYlo2C"},
		attributes: map[string]string{},
	},
	{
		file:       "AuditLedger.v1.json",
		message:    AuditLedger{From: 1800003600042, To: 1800007200042, Run: 29999999},
		route:      Route{Queue: "payments", Group: "ledger", DeduplicationID: "AuditLedger:r29999999-1800003600042-1800007200042"},
		attributes: map[string]string{},
	},
	{
		file:       "AuditLedger.on.v1.json",
		message:    AuditLedger{From: 1800003600042, To: 1800007200042, Run: 29999999, After: "pi_3PqL8Z2eZvKYlo2C1", Deadline: 1800010800042},
		optional:   []string{"after", "deadline"},
		route:      Route{Queue: "payments", Group: "ledger", DeduplicationID: "AuditLedger:r29999999-1800003600042-1800007200042:pi_3PqL8Z2eZvKYlo2C1"},
		attributes: map[string]string{},
	},
	{
		file:       "PaymentAuthorized.v1.json",
		message:    PaymentAuthorized{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", EventID: "evt_1PqLAB2eZvKYlo2C", PaymentIntentID: "pi_3PqL8Z2eZvKYlo2C1", Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Mode: ModeTest},
		route:      Route{Queue: "authorizations", Group: goldenSource, DeduplicationID: goldenOrder + ":PaymentAuthorized:evt_1PqLAB2eZvKYlo2C"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "PaymentDeclined.v1.json",
		message:    PaymentDeclined{OrderID: goldenOrder, ConcertID: "vienna-2027-03-14", Group: "parkett-left", EventID: "evt_1PqLAB2eZvKYlo2C", At: 1800003600042, Code: "insufficient_funds", Text: "Your card has insufficient funds."},
		route:      Route{Queue: "authorizations", Group: goldenSource, DeduplicationID: goldenOrder + ":PaymentDeclined:evt_1PqLAB2eZvKYlo2C"},
		attributes: map[string]string{"orderId": goldenOrder, "concertId": "vienna-2027-03-14", "group": "parkett-left"},
	},
	{
		file:       "NotifyOrder.v1.json",
		message:    NotifyOrder{OrderID: goldenOrder, RowVersion: 4, Status: contracts.Confirmed},
		route:      Route{Queue: "notifications"},
		attributes: map[string]string{"orderId": goldenOrder},
	},
	{
		file:       "NotifyAccount.v1.json",
		message:    NotifyAccount{UserID: goldenUser, Link: maillink.Confirm, Nonce: "nqk7e2bzd5x8m4yh6v3p9c2t5w7", LinkEndsAt: 1800007200042},
		route:      Route{Queue: "notifications"},
		attributes: map[string]string{"userId": goldenUser},
	},
	{
		file:       "CloseConnections.v1.json",
		message:    CloseConnections{UserID: goldenUser, Until: 1800003600042},
		route:      Route{Queue: "notifications"},
		attributes: map[string]string{"userId": goldenUser},
	},
	{
		file:       "StopMails.v1.json",
		message:    StopMails{UserIDs: []string{goldenUser}, Reason: MailBounced},
		route:      Route{Queue: "notifications"},
		attributes: map[string]string{},
	},
}

// body returns the golden file without line breaks, as it is on the queue.
func (g golden) body(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", g.file))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		t.Fatalf("%s: %v", g.file, err)
	}
	return compact.String()
}

func TestEncodeWritesTheGoldenFiles(t *testing.T) {
	for _, g := range goldens {
		e, err := Encode(g.message, "trace-1")
		if err != nil {
			t.Fatalf("%s: %v", g.file, err)
		}
		if want := g.body(t); e.Body != want {
			t.Errorf("%s: encoded\n%s\nwant\n%s", g.file, e.Body, want)
		}
		if e.Route != g.route {
			t.Errorf("%s: route %+v, want %+v", g.file, e.Route, g.route)
		}
		want := maps.Clone(g.attributes)
		want["kind"], want["trace"] = string(g.message.Kind()), "trace-1"
		if got := e.Attributes.Map(); !maps.Equal(got, want) {
			t.Errorf("%s: attributes %v, want %v", g.file, got, want)
		}
	}
}

func TestDecodeReadsTheGoldenFiles(t *testing.T) {
	for _, g := range goldens {
		got, err := Decode(g.body(t))
		if err != nil || !reflect.DeepEqual(got, g.message) {
			t.Errorf("%s is read as %+v, %v", g.file, got, err)
		}
	}
}

// Every kind and version has a golden file, and every file has a kind and version that is still read.
func TestGoldensAreComplete(t *testing.T) {
	var want, files, every []string
	for e := range decoders {
		want = append(want, fmt.Sprintf("%s.v%d.json", e.Kind, e.Version))
	}
	for _, g := range goldens {
		// A kind can have several golden files: KIND.WHAT.vN.json.
		parts := strings.Split(g.file, ".")
		first := parts[0] + "." + parts[len(parts)-2] + ".json"
		if !slices.Contains(files, first) {
			files = append(files, first)
		}
		every = append(every, g.file)
		if written := fmt.Sprintf("%s.v%d.json", g.message.Kind(), g.message.version()); written != first {
			t.Errorf("%s holds a %s", g.file, written)
		}
	}
	stored, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for i := range stored {
		stored[i] = filepath.Base(stored[i])
	}
	slices.Sort(want)
	slices.Sort(files)
	slices.Sort(stored)
	slices.Sort(every)
	if !slices.Equal(want, files) || !slices.Equal(every, stored) {
		t.Errorf("decoders are %v\ntested are %v\nstored are %v", want, every, stored)
	}
	kinds := Kinds()
	for _, g := range goldens {
		if !slices.Contains(kinds, g.message.Kind()) {
			t.Errorf("Kinds lacks %s", g.message.Kind())
		}
	}
	if len(kinds) != len(slices.Compact(slices.Sorted(slices.Values(kinds)))) {
		t.Errorf("a kind is there twice: %v", kinds)
	}
}

// with returns the golden body with one member changed, or removed if value is "".
func (g golden) with(t testing.TB, name, value string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(g.body(t)), &members); err != nil {
		t.Fatal(err)
	}
	if value == "" {
		delete(members, name)
	} else {
		members[name] = json.RawMessage(value)
	}
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMissingMembersAreNamed(t *testing.T) {
	for _, g := range goldens {
		for name := range g.members(t) {
			for _, value := range []string{"", "null"} {
				_, err := Decode(g.with(t, name, value))
				if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), name) {
					t.Errorf("%s with %s as %q: error %v, want one that names it", g.file, name, value, err)
				}
			}
		}
	}
}

// members returns the members of the golden body besides those of the envelope.
func (g golden) members(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(g.body(t)), &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "kind")
	delete(members, "v")
	for _, name := range g.optional {
		delete(members, name)
	}
	return members
}

// All problems of a message are reported together, so that one error explains a sender's mistake.
func TestDecodeReportsAllProblems(t *testing.T) {
	for _, g := range goldens {
		body := fmt.Sprintf(`{"kind":%q,"v":%d}`, g.message.Kind(), g.message.version())
		_, err := Decode(body)
		for name := range g.members(t) {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: error %v does not name %s", body, err, name)
			}
		}
	}
}

func TestRefusedBodies(t *testing.T) {
	place, best := goldens[0], golden{file: "PlaceOrder.best.v1.json"}
	good := place.body(t)
	for _, c := range []struct {
		name, body string
		want       error
		says       string
	}{
		{"empty", "", ErrMalformed, ""},
		{"no JSON", "PlaceOrder", ErrMalformed, ""},
		{"null", "null", ErrUnknownKind, ""},
		{"array", "[" + good + "]", ErrMalformed, ""},
		{"cut off", good[:len(good)-1], ErrMalformed, ""},
		{"two values", good + good, ErrMalformed, ""},
		{"no kind", place.with(t, "kind", ""), ErrUnknownKind, `""`},
		{"unknown kind", place.with(t, "kind", `"OrderPlaced"`), ErrUnknownKind, `"OrderPlaced"`},
		{"kind in another case", place.with(t, "kind", `"placeOrder"`), ErrUnknownKind, `"placeOrder"`},
		{"kind of another type", place.with(t, "kind", "1"), ErrMalformed, "kind"},
		{"no version", place.with(t, "v", ""), ErrUnknownVersion, "PlaceOrder version 0"},
		{"unknown version", place.with(t, "v", "3"), ErrUnknownVersion, "PlaceOrder version 3"},
		{"a later version without its member", place.with(t, "v", "2"), ErrMalformed, "version 1"},
		{"a member of a later version", golden{file: "PlaceOrder.accessible.v2.json"}.with(t, "v", "1"), ErrMalformed, "version 2"},
		{"version as text", place.with(t, "v", `"1"`), ErrMalformed, "v"},
		{"unknown member", place.with(t, "price", "1"), ErrMalformed, `"price"`},
		{"member in another case", place.with(t, "ORDERID", `"`+goldenOrder+`"`), ErrMalformed, `"ORDERID"`},
		{"kind in another case beside it", place.with(t, "KIND", `"PlaceOrder"`), ErrMalformed, `"KIND"`},
		{"unknown member of a member", best.with(t, "bestAvailable", `{"quantity":2,"row":"1"}`), ErrMalformed, `"bestAvailable.row"`},
		{"member of a member in another case", best.with(t, "bestAvailable", `{"quantity":2,"Accessible":1}`), ErrMalformed, `"bestAvailable.Accessible"`},
		{"a member that is no object", best.with(t, "bestAvailable", `2`), ErrMalformed, "bestAvailable"},
		{"less accessible places than none", best.with(t, "bestAvailable", `{"quantity":2,"accessible":-1}`), ErrMalformed, "bestAvailable.accessible"},
		{"more accessible places than seats", best.with(t, "bestAvailable", `{"quantity":2,"accessible":3}`), ErrMalformed, "bestAvailable.accessible"},
		{"half an accessible place", best.with(t, "bestAvailable", `{"quantity":2,"accessible":0.5}`), ErrMalformed, "accessible"},
		{"member of another kind", place.with(t, "rowVersion", "1"), ErrMalformed, `"rowVersion"`},
		{"member of another type", place.with(t, "layoutVersion", `"3"`), ErrMalformed, "layoutVersion"},
		{"no whole number", place.with(t, "layoutVersion", "3.5"), ErrMalformed, "layoutVersion"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Decode(c.body)
			if m != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Decode(%s) = %v, %v; want %v that says %s", c.body, m, err, c.want, c.says)
			}
		})
	}
}

// Each row breaks one rule of one field; Encode refuses what Decode refuses, and both name the field.
func TestFieldRules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	seats := func(names ...string) func(*PlaceOrder) { return func(m *PlaceOrder) { m.Seats = names } }
	many := make([]string, MaxSeatsPerOrder+1)
	for i := range many {
		many[i] = fmt.Sprintf("S-%d", i)
	}
	for _, c := range []struct {
		says   string
		change func(*PlaceOrder)
		good   bool
	}{
		{says: "", change: func(*PlaceOrder) {}, good: true},
		{says: "", change: seats(many[:MaxSeatsPerOrder]...), good: true},
		{says: "", change: func(m *PlaceOrder) { m.UserID = long(128) }, good: true},
		{says: "orderId", change: func(m *PlaceOrder) { m.OrderID = "e1" }},
		{says: "orderId", change: func(m *PlaceOrder) { m.OrderID = contracts.OrderID(strings.ToUpper(goldenOrder)) }},
		{says: "userId", change: func(m *PlaceOrder) { m.UserID = long(129) }},
		{says: "userId", change: func(m *PlaceOrder) { m.UserID = "an\nna" }},
		{says: "userId", change: func(m *PlaceOrder) { m.UserID = "änne" }},
		{says: "concertId", change: func(m *PlaceOrder) { m.ConcertID = "a#b" }},
		{says: "group", change: func(m *PlaceOrder) { m.Group = "{a}" }},
		{says: "layoutVersion", change: func(m *PlaceOrder) { m.LayoutVersion = -1 }},
		{says: "seats has 0", change: seats()},
		{says: "seats has 21", change: seats(many...)},
		{says: `seats[1] "A 2"`, change: seats("A-1", "A 2")},
		{says: `seats[2] "A-1" is there twice`, change: seats("A-1", "A-2", "A-1")},
		{says: "requestHash", change: func(m *PlaceOrder) { m.RequestHash = long(21) }},
		{says: "requestHash", change: func(m *PlaceOrder) { m.RequestHash = long(21) + ":" }},
		{says: "acceptedAt", change: func(m *PlaceOrder) { m.AcceptedAt = -1 }},
		{says: "deadline", change: func(m *PlaceOrder) { m.Deadline = m.AcceptedAt }},
	} {
		m := goldens[0].message.(PlaceOrder)
		c.change(&m)
		_, err := Encode(m, "")
		if (err == nil) != c.good || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: error %v, want one that says %q: %t", m, err, c.says, !c.good)
		}
	}
	for _, id := range []string{"", long(37), "a b", "a:b"} {
		if _, err := Encode(RebuildGroup{ConcertID: "c", Group: "g", CommandID: id}, ""); err == nil || !strings.Contains(err.Error(), "commandId") {
			t.Errorf("command id %q: error %v", id, err)
		}
	}
	if _, err := Encode(ExpireHold{OrderID: goldenOrder, ConcertID: "c", Group: "g"}, ""); err == nil || !strings.Contains(err.Error(), "rowVersion") {
		t.Errorf("row version 0: error %v", err)
	}
}

// The deduplication id of a VoidPayment has only its CauseID if there is one. Without one, the row version is required.
func TestCauseOfAVoidPayment(t *testing.T) {
	good := VoidPayment{OrderID: goldenOrder, ConcertID: "c", Group: "g", CauseID: "dlq_1"}
	for _, c := range []struct {
		says   string
		change func(*VoidPayment)
		cause  string
	}{
		{change: func(*VoidPayment) {}, cause: "dlq_1"},
		{change: func(m *VoidPayment) { m.RowVersion = 3 }, cause: "dlq_1"},
		{change: func(m *VoidPayment) { m.PaymentIntentID = "pi_" + strings.Repeat("x", 45) }, cause: "dlq_1"},
		{change: func(m *VoidPayment) { m.CauseID = strings.Repeat("x", 48) }, cause: strings.Repeat("x", 48)},
		{change: func(m *VoidPayment) { m.CauseID, m.RowVersion = "", 1 }, cause: "v1"},
		{change: func(m *VoidPayment) { m.CauseID, m.RowVersion, m.PaymentIntentID = "", 1, "pi_1" }, cause: "v1:pi_1"},
		{says: "causeId", change: func(m *VoidPayment) { m.CauseID = strings.Repeat("x", 49) }},
		{says: "causeId", change: func(m *VoidPayment) { m.CauseID = "dlq-1" }},
		{says: "rowVersion", change: func(m *VoidPayment) { m.RowVersion = -1 }},
		{says: "rowVersion", change: func(m *VoidPayment) { m.CauseID = "" }},
		{says: "paymentIntentId", change: func(m *VoidPayment) { m.PaymentIntentID = "pi 1" }},
	} {
		m := good
		c.change(&m)
		e, err := Encode(m, "")
		switch {
		case c.says != "":
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v: error %v, want one that says %q", m, err, c.says)
			}
		case err != nil || e.DeduplicationID != goldenOrder+":VoidPayment:"+c.cause:
			t.Errorf("%+v: deduplication id %s, %v, want the cause %s", m, e.DeduplicationID, err, c.cause)
		}
	}
}
