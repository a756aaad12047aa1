package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
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
	v := reflect.ValueOf(&row).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("secret-" + v.Type().Field(i).Name)
		case reflect.Int, reflect.Int64:
			f.SetInt(1_800_000_000_000 + int64(i))
		}
	}
	row.OrderID, row.UserID, row.ConcertID, row.Group = "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", "3f0c6a52", "vienna-2027", "parkett-left"
	row.Status, row.Version, row.Seats = contracts.Rejected, 2, []string{"F-11", "F-12"}
	row.Amount = &contracts.Money{Minor: 24000, Currency: "EUR"}
	row.HoldExpiresAt = 1_800_000_300_000
	row.Reason = &readmodel.Reason{Code: contracts.ReasonSeatLost, Seats: []string{"F-12"}}
	row.History = []readmodel.HistoryEntry{
		{Status: contracts.Held, Version: 1, At: 1_800_000_000_000, Cause: "secret-cause", MessageID: "secret-message"},
		{Status: contracts.Rejected, Version: 2, At: 1_800_000_012_345, Cause: "secret-cause", MessageID: "secret-message"},
	}
	return row
}

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

// held is a row as its first version has it.
func held(t testing.TB) readmodel.Order {
	t.Helper()
	row := full(t)
	row.Status, row.Version, row.Reason, row.History = contracts.Held, 1, nil, row.History[:1]
	return row
}

// unread is a row of a message that nobody could read: only its ids are known.
func unread(t testing.TB) readmodel.Order {
	t.Helper()
	row := full(t)
	return readmodel.Order{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, Status: contracts.Rejected, Version: 1,
		Reason: &readmodel.Reason{Code: contracts.ReasonInternal}, History: []readmodel.HistoryEntry{{Status: contracts.Rejected, Version: 1, At: 1_800_000_000_000}},
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

// A version that raises no status is an event of its own: of the same type, at the same instant, with the higher version.
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

// What the allow-list does not name stays inside, whatever the row grows.
func TestNothingElseOfTheRowGetsOut(t *testing.T) {
	e, err := event.Of(full(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(e.Detail, "secret") {
		t.Errorf("the event has more than the allow-list: %s", e.Detail)
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
			t.Fatalf("%s does not come back: %v", again, err)
		}
		// Compared as written: an empty list and none are the same to a reader.
		if once, err := json.Marshal(back); err != nil || !bytes.Equal(once, again) {
			t.Errorf("%s comes back as %s, %v", again, once, err)
		}
	})
}
