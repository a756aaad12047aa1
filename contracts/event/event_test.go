package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
)

// full is a row with every attribute set.
func full(t testing.TB) readmodel.Order {
	t.Helper()
	var row readmodel.Order
	fill(t, reflect.ValueOf(&row).Elem(), "secret")
	row.OrderID, row.UserID, row.ConcertID, row.Group = "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", "3f0c6a52", "vienna-2027", "parkett-left"
	row.Status, row.Version, row.Seats = contracts.Rejected, 2, []string{"F-11", "F-12"}
	row.Amount.Minor, row.Amount.Currency = 24000, "EUR"
	row.HoldExpiresAt = 1_800_000_300_000
	row.Reason.Code, row.Reason.Seats = contracts.ReasonSeatLost, []string{"F-12"}
	row.History = append(row.History, row.History[0])
	row.History[0].Status, row.History[0].Version, row.History[0].At = contracts.Held, 1, 1_800_000_000_000
	row.History[1].Status, row.History[1].Version, row.History[1].At = contracts.Rejected, 2, 1_800_000_012_345
	return row
}

// fill sets every string below v to a text that begins with path, and every number to hidden, which occurs nowhere else.
func fill(t testing.TB, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(path)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(hidden)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), path)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, path)
		fill(t, value, path)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"-"+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s is of kind %s, which this test cannot fill", path, v.Kind())
	}
}

const hidden = 1_777_777_777_777

func golden(t testing.TB, detailType string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + detailType + ".v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

// held is the first version of a row.
func held(t testing.TB) readmodel.Order {
	t.Helper()
	row := full(t)
	row.Status, row.Version, row.Reason, row.History = contracts.Held, 1, nil, row.History[:1]
	return row
}

// unread is the row of an order whose message could not be read: only its ids are known.
func unread(t testing.TB) readmodel.Order {
	t.Helper()
	row := full(t)
	return readmodel.Order{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, Status: contracts.Rejected, Version: 1,
		Reason: &readmodel.Reason{Code: contracts.ReasonInternal}, History: []readmodel.HistoryEntry{{Status: contracts.Rejected, Version: 1, At: 1_800_000_000_000}},
	}
}

// Integrators have one example of each detail type, which subscribers can decode.
func TestEachDetailTypeHasAnExample(t *testing.T) {
	for _, status := range contracts.Statuses() {
		if detailType := event.DetailType(status); detailType != "" {
			if o, err := event.Decode(golden(t, detailType)); err != nil || o.Status != status {
				t.Errorf("%s: %+v, %v", detailType, o, err)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for name, row := range map[string]readmodel.Order{"OrderHeld": held(t), "OrderRejected": full(t), "OrderRejected.unread": unread(t)} {
		want := golden(t, name)
		e, err := event.Of(row)
		if detailType, _, _ := strings.Cut(name, "."); err != nil || e.DetailType != detailType || e.At != row.History[len(row.History)-1].At || e.Detail != string(want) {
			t.Errorf("%s: got %s at %d: %s, %v", name, e.DetailType, e.At, e.Detail, err)
		}
		if o, err := event.Decode(want); err != nil || o.OrderID != row.OrderID || o.Version != row.Version || o.Status != row.Status {
			t.Errorf("%s: read as %+v, %v", name, o, err)
		}
	}
}

// A version without a new status is an event of its own: it has the same type, the same instant and the higher version.
func TestAVersionWithoutANewStatusKeepsTheType(t *testing.T) {
	row := held(t)
	first, err := event.Of(row)
	if err != nil {
		t.Fatal(err)
	}
	row.Version = 2
	second, err := event.Of(row)
	if err != nil || second.DetailType != first.DetailType || second.At != first.At ||
		second.Detail != strings.Replace(first.Detail, `"version":1`, `"version":2`, 1) {
		t.Errorf("got %+v after %+v, %v", second, first, err)
	}
}

// Attributes that the allow-list does not name are not published, also attributes that are added later.
func TestEventsHaveOnlyTheAllowedAttributes(t *testing.T) {
	e, err := event.Of(full(t))
	if err != nil {
		t.Fatal(err)
	}
	at, err := json.Marshal(contracts.Instant(hidden))
	if err != nil {
		t.Fatal(err)
	}
	for _, inside := range []string{"secret", strconv.Itoa(hidden), string(at)} {
		if strings.Contains(e.Detail, inside) {
			t.Errorf("%s is in the event, which has more than the allow-list: %s", inside, e.Detail)
		}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(e.Detail), &members); err != nil {
		t.Fatal(err)
	}
	want := []string{"amount", "at", "concertId", "group", "holdExpiresAt", "orderId", "reason", "seats", "status", "userId", "v", "version"}
	if got := slices.Sorted(maps.Keys(members)); !slices.Equal(got, want) {
		t.Errorf("an event has %v, want %v", got, want)
	}
}

// The payment in a row is only for its buyer: at no status does an event have the client secret, the PaymentIntent, or the
// reason why a bank refused a card.
func TestEventsHaveNothingOfThePayment(t *testing.T) {
	payment := &readmodel.Payment{
		IntentID: "pi_canary", ClientSecret: "pi_canary_secret_canary", OpenAttempt: 1,
		LastError: &readmodel.PaymentError{EventID: "evt_canary", At: hidden, Code: "canary_funds", Message: "No canary funds."},
	}
	for _, s := range contracts.Statuses()[1:] {
		row := held(t)
		row.Status, row.Version = s, 2
		row.History = append(row.History, readmodel.HistoryEntry{Status: s, Version: 2, At: 1_800_000_012_345, Cause: "OpenPayment", MessageID: "m"})
		without, err := event.Of(row)
		if err != nil {
			t.Fatal(err)
		}
		row.Payment = payment
		with, err := event.Of(row)
		if err != nil || with != without || strings.Contains(with.Detail, "canary") {
			t.Errorf("%s: a payment changes the event to %s, %v", s, with.Detail, err)
		}
	}
}

func TestEveryStoredStatusHasItsEvent(t *testing.T) {
	names := map[string]bool{}
	for _, s := range contracts.Statuses()[1:] {
		row := full(t)
		row.Status = s
		e, err := event.Of(row)
		if err != nil || names[e.DetailType] {
			t.Errorf("%s: %q, %v", s, e.DetailType, err)
		}
		names[e.DetailType] = true
	}
	row := full(t)
	row.Status = contracts.Queued
	if _, err := event.Of(row); err == nil {
		t.Error("QUEUED is never stored and has an event")
	}
}

// Decode refuses everything that is not exactly version 1, so that no subscriber reads only a part of an event.
func TestDecodeIsStrict(t *testing.T) {
	good := string(golden(t, "OrderHeld"))
	for name, change := range map[string][2]string{
		"a member that version 1 does not have": {`"v":1`, `"v":1,"colour":"red"`},
		"the next version of the payload":       {`"v":1`, `"v":2`},
		"no version of the payload":             {`"v":1,`, ``},
		"no version of the row":                 {`"version":1,`, ``},
		"a negative version of the row":         {`"version":1`, `"version":-1`},
		"no order":                              {`"orderId":"e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4",`, ``},
		"a status that is never stored":         {`"HELD"`, `"QUEUED"`},
		"no status":                             {`"status":"HELD",`, ``},
		"no instant":                            {`"2027-01-15T08:00:00.000Z"`, `"yesterday"`},
		"no object":                             {good, `[]`},
		"two values":                            {good, good + good},
		"nothing":                               {good, ``},
	} {
		changed := strings.Replace(good, change[0], change[1], 1)
		if changed == good {
			t.Errorf("%s: nothing is changed", name)
		}
		if o, err := event.Decode([]byte(changed)); !errors.Is(err, event.ErrMalformed) {
			t.Errorf("%s: got %+v, %v", name, o, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(golden(f, "OrderRejected"))
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, detail []byte) {
		o, err := event.Decode(detail)
		if err != nil {
			if !errors.Is(err, event.ErrMalformed) {
				t.Errorf("error %v", err)
			}
			return
		}
		again, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		back, err := event.Decode(again)
		if err != nil {
			t.Fatalf("%s cannot be decoded again: %v", again, err)
		}
		// The encoded forms are compared: an empty list and no list mean the same.
		if once, err := json.Marshal(back); err != nil || !bytes.Equal(once, again) {
			t.Errorf("%s is decoded and encoded as %s, %v", again, once, err)
		}
	})
}
