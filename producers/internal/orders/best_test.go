package orders_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// rowOfFour makes a group of one row of four seats, the first ones accessible.
func rowOfFour(name string, accessible int) readmodel.LayoutGroup {
	g := readmodel.LayoutGroup{Group: name, Section: "s", Kind: readmodel.KindSeats}
	for n := range 4 {
		g.Seats = append(g.Seats, fmt.Sprintf("%s-1-%d", name, n+1))
	}
	g.Accessible = g.Seats[:accessible]
	g.Rows = []readmodel.LayoutRow{{Name: "1", Seats: g.Seats}}
	return g
}

// shows makes a group that is loaded, with these places taken.
func shows(taken ...int) admission.GroupState {
	m := seatstate.NewSeatMap(4)
	for _, p := range taken {
		m.Set(p, seatstate.Held)
	}
	return admission.GroupState{Snapshot: seatstate.Snapshot{Loaded: true, Map: m}}
}

// knows adds the order's record to a group.
func knows(g admission.GroupState, state seatstate.RecordState) admission.GroupState {
	g.Order = state
	return g
}

func wants(quantity, accessible string) string {
	return `{"concertId":"c","bestAvailable":{"section":"s","quantity":` + quantity + `,"accessible":` + accessible + `}}`
}

// sentTo returns the group that the order was sent to, and the order.
func (w *world) sentTo(t *testing.T) (string, message.PlaceOrder) {
	t.Helper()
	if len(w.sent) != 1 {
		return "", message.PlaceOrder{}
	}
	m, err := message.Decode(w.sent[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	order, _ := m.(message.PlaceOrder)
	return order.Group, order
}

// An order goes to a group of the best kind. Accessible places are reserved for orders that ask for them until they are released;
// after that they are tried last.
func TestBestGroupIsTriedFirst(t *testing.T) {
	hall := []readmodel.LayoutGroup{rowOfFour("A", 4), rowOfFour("B", 0), rowOfFour("C", 1)}
	full := shows(0, 1, 2, 3)
	for name, test := range map[string]struct {
		quantity, accessible string
		maps                 []admission.GroupState
		released             contracts.Instant
		want                 string
		code                 string
	}{
		"ordinary seats elsewhere":               {maps: []admission.GroupState{shows(), shows(), full}, want: "B"},
		"ordinary seats in a group of both":      {maps: []admission.GroupState{shows(), full, shows()}, want: "C"},
		"accessible seats alone":                 {maps: []admission.GroupState{shows(), full, full}, code: "sold_out"},
		"not loaded":                             {maps: []admission.GroupState{shows(), full, {}}, want: "C"},
		"not loaded and accessible alone":        {maps: []admission.GroupState{{}, full, full}, code: "sold_out"},
		"shown before not loaded":                {maps: []admission.GroupState{{}, {}, shows()}, want: "C"},
		"a run that needs an accessible one":     {maps: []admission.GroupState{full, full, shows(2, 3)}, code: "sold_out"},
		"before the release":                     {maps: []admission.GroupState{shows(), full, full}, released: 5001, code: "sold_out"},
		"the instant of the release":             {maps: []admission.GroupState{shows(), full, full}, released: 5000, want: "A"},
		"after the release, ordinary ones":       {maps: []admission.GroupState{shows(), shows(2, 3), shows(0)}, released: 1, want: "B"},
		"after the release, not loaded":          {maps: []admission.GroupState{shows(), {}, full}, released: 1, want: "B"},
		"after the release, none":                {maps: []admission.GroupState{full, full, full}, released: 1, code: "sold_out"},
		"an accessible place and another seat":   {accessible: "1", maps: []admission.GroupState{shows(), shows(), shows()}, want: "C"},
		"two accessible places":                  {accessible: "2", maps: []admission.GroupState{shows(), shows(), shows()}, want: "A"},
		"accessible places that nobody has":      {quantity: "4", accessible: "3", maps: []admission.GroupState{shows(), shows(), shows()}, code: "sold_out"},
		"an accessible place after the release":  {accessible: "1", maps: []admission.GroupState{shows(), shows(), full}, released: 1, code: "sold_out"},
		"an accessible place, none in the group": {accessible: "1", maps: []admission.GroupState{full, shows(), {}}, want: "C"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world{hall: hall, maps: test.maps, released: test.released}
			if test.quantity == "" {
				test.quantity = "2"
			}
			if test.accessible == "" {
				test.accessible = "0"
			}
			response := w.post(t, wants(test.quantity, test.accessible))
			group, order := w.sentTo(t)
			if group != test.want {
				t.Errorf("sent to %q, want %q: %d %s", group, test.want, response.StatusCode, response.Body)
			}
			if test.code != "" && (response.StatusCode != http.StatusConflict || code(t, response) != test.code) {
				t.Errorf("got %d %s", response.StatusCode, response.Body)
			}
			if order.BestAvailable != nil && fmt.Sprint(order.BestAvailable.Accessible) != test.accessible {
				t.Errorf("sent %+v", order.BestAvailable)
			}
		})
	}
}

// An order goes to the group that has its record: a repeat must not be tried in a second group, and must not be refused for what
// the order holds itself.
func TestOrderGoesToGroupWithItsRecord(t *testing.T) {
	hall := []readmodel.LayoutGroup{rowOfFour("A", 0), rowOfFour("B", 0), rowOfFour("C", 0), rowOfFour("elsewhere", 0)}
	hall[3].Section = "t"
	full := shows(0, 1, 2, 3)
	for name, test := range map[string]struct {
		maps []admission.GroupState
		want string
	}{
		"another body of it holds in another section": {maps: []admission.GroupState{full, shows(), full, knows(full, seatstate.RecordHeld)}, want: "B"},
		"its hold took the last":                      {maps: []admission.GroupState{full, full, knows(full, seatstate.RecordHeld)}, want: "C"},
		"others are free":                             {maps: []admission.GroupState{shows(), knows(full, seatstate.RecordHeld), shows()}, want: "B"},
		"it was sent on, and holds there":             {maps: []admission.GroupState{knows(shows(), seatstate.RecordForwarded), shows(), knows(full, seatstate.RecordHeld)}, want: "C"},
		"it was sent on":                              {maps: []admission.GroupState{full, knows(full, seatstate.RecordForwarded), full}, want: "B"},
		"it has ended":                                {maps: []admission.GroupState{full, knows(full, seatstate.RecordEnded), full}, want: "B"},
		"it has bought":                               {maps: []admission.GroupState{knows(full, seatstate.RecordSold), full, knows(full, seatstate.RecordEnded)}, want: "A"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world{hall: hall, maps: append(test.maps, make([]admission.GroupState, len(hall)-len(test.maps))...)}
			response := w.post(t, best)
			if group, _ := w.sentTo(t); group != test.want || response.StatusCode != http.StatusAccepted {
				t.Errorf("sent to %q: %d %s", group, response.StatusCode, response.Body)
			}
		})
	}
	behind := knows(full, seatstate.RecordHeld)
	behind.Lag = 2 * time.Minute
	w := world{hall: hall, maps: []admission.GroupState{shows(), behind, shows(), full}}
	if response := w.post(t, best); response.StatusCode != http.StatusServiceUnavailable || code(t, response) != admission.CodeQueueFull {
		t.Errorf("got %d %s", response.StatusCode, response.Body)
	}
}

// While its row is unread, an order is sold out only if no group of the concert's layout could ever have served it.
func TestUnknownRowRefusesNobody(t *testing.T) {
	hall := []readmodel.LayoutGroup{rowOfFour("A", 0), rowOfFour("B", 0), rowOfFour("C", 2)}
	full := shows(0, 1, 2, 3)
	for body, want := range map[string]string{best: "A B C", wants("2", "1"): "C", wants("3", "3"): ""} {
		w := world{hall: hall, maps: []admission.GroupState{full, full, full}, fail: map[string]bool{"account": true}}
		response := w.post(t, body)
		group, _ := w.sentTo(t)
		if want == "" {
			if response.StatusCode != http.StatusConflict || code(t, response) != httpapi.CodeSoldOut || group != "" {
				t.Errorf("%s: sent to %q, answered %d %s", body, group, response.StatusCode, response.Body)
			}
			continue
		}
		if response.StatusCode != http.StatusAccepted || group == "" || !slices.Contains(strings.Fields(want), group) {
			t.Errorf("%s: sent to %q, answered %d %s", body, group, response.StatusCode, response.Body)
		}
	}
}

func TestBodyMemberAccessible(t *testing.T) {
	const at = "/bestAvailable/"
	for value, test := range map[string]struct {
		quantity   string
		accessible int
		pointer    string
	}{
		"0":                         {},
		"1":                         {accessible: 1},
		"2":                         {accessible: 2},
		"-0":                        {},
		"1.0":                       {accessible: 1},
		"1e0":                       {accessible: 1},
		"0.2E+1":                    {accessible: 2},
		"20e-1":                     {accessible: 2},
		"3":                         {pointer: at + "accessible"},
		"-1":                        {pointer: at + "accessible"},
		"1.5":                       {pointer: at + "accessible"},
		"1e-1":                      {pointer: at + "accessible"},
		"1.00000000000000000000001": {pointer: at + "accessible"},
		"1e99999999999999999999":    {pointer: at + "accessible"},
		"1e-99999999999999999999":   {pointer: at + "accessible"},
		"-99999999999999999999":     {pointer: at + "accessible"},
		"18446744073709551617":      {pointer: at + "accessible"},
		"null":                      {pointer: at + "accessible"},
		"true":                      {pointer: at + "accessible"},
		`"1"`:                       {pointer: at + "accessible"},
		`[1]`:                       {pointer: at + "accessible"},
		`{"n":1}`:                   {pointer: at + "accessible"},
		`1,"section":null`:          {pointer: at + "section"},
		`1,"section":""`:            {pointer: at + "section"},
		`1,"quantity":null`:         {quantity: "none", pointer: at + "quantity"},
		`1,"quantity":"2"`:          {quantity: "none", pointer: at + "quantity"},
		`1,"quantity":0`:            {quantity: "none", pointer: at + "quantity"},
		`1,"section":"s"`:           {quantity: "none", pointer: at + "quantity"},
		`1,"quantity":2.0`:          {quantity: "none", accessible: 1},
	} {
		body := `{"concertId":"c","bestAvailable":{"quantity":2,"accessible":` + value + `}}`
		if test.quantity == "none" {
			body = `{"concertId":"c","bestAvailable":{"accessible":` + value + `}}`
		}
		w := world{hall: []readmodel.LayoutGroup{rowOfFour("A", 2)}, maps: []admission.GroupState{{}}}
		response := w.post(t, body)
		if test.pointer == "" {
			if _, order := w.sentTo(t); response.StatusCode != http.StatusAccepted || order.BestAvailable == nil || order.BestAvailable.Accessible != test.accessible || order.BestAvailable.Quantity != 2 {
				t.Errorf("%s: answered %d %s, sent %+v", body, response.StatusCode, response.Body, order.BestAvailable)
			}
			continue
		}
		var p struct{ Code, Pointer string }
		if err := json.Unmarshal([]byte(response.Body), &p); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusBadRequest || p.Code != httpapi.CodeInvalidRequest || p.Pointer != test.pointer || len(w.calls) > 0 {
			t.Errorf("%s: answered %d %s", body, response.StatusCode, response.Body)
		}
	}
}

// The other members keep their rules: null is no value, and an unknown or duplicate member is invalid JSON.
func TestBodyMembersAreStrict(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"concertId":null,"seats":["A-1-1"]}`:                                           {"invalid_request", "/concertId"},
		`{"concertId":"c","seats":null}`:                                                 {"invalid_request", "/seats"},
		`{"concertId":"c","seats":null,"bestAvailable":{"quantity":1}}`:                  {"invalid_request", "/seats"},
		`{"concertId":"c","seats":["A-1-1",null]}`:                                       {"invalid_request", "/seats/1"},
		`{"concertId":"c","seats":["A-1-1"],"bestAvailable":null}`:                       {"invalid_request", "/bestAvailable"},
		`{"concertId":"c","seats":["A-1-1"],"accessible":2}`:                             {"invalid_request", "/accessible"},
		`{"concertId":"c","seats":["A-1-1"],"accessible":-1}`:                            {"invalid_request", "/accessible"},
		`{"concertId":"c","seats":["A-1-1"],"accessible":0.5}`:                           {"invalid_request", "/accessible"},
		`{"concertId":"c","seats":["A-1-1"],"accessible":null}`:                          {"invalid_request", "/accessible"},
		`{"concertId":"c","seats":["A-1-1"],"accessible":"1"}`:                           {"invalid_request", "/accessible"},
		`{"concertId":"c","seats":["A-1-1"],"accessible":1,"accessible":1}`:              {"invalid_json", "/accessible"},
		`{"concertId":"c","accessible":1}`:                                               {"invalid_request", "/seats"},
		`{"concertId":"c","accessible":1,"bestAvailable":{"quantity":1}}`:                {"invalid_request", "/accessible"},
		`{"concertId":"c","bestAvailable":{"quantity":1,"accesible":1}}`:                 {"invalid_json", "/bestAvailable/accesible"},
		`{"concertId":"c","bestAvailable":{"quantity":1,"accessible":1,"accessible":1}}`: {"invalid_json", "/bestAvailable/accessible"},
		`{"concertId":"c","bestAvailable":[]}`:                                           {"invalid_request", "/bestAvailable"},
		`{"concertId":"c","bestAvailable":{"quantity":1000000000000}}`:                   {"too_many_seats", ""},
	} {
		w := world{}
		response := w.post(t, body)
		var p struct{ Code, Pointer string }
		if err := json.Unmarshal([]byte(response.Body), &p); err != nil {
			t.Fatal(err)
		}
		if p.Code != want[0] || p.Pointer != want[1] {
			t.Errorf("%s: answered %d %s", body, response.StatusCode, response.Body)
		}
	}
}
