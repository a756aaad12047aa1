package orders_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orders"
)

// refused is the part of a problem that shows which rule an order breaks.
type refused struct {
	Code        string
	Seats       []string
	Suggestions []struct {
		Seats  []string
		Amount contracts.Money
		Why    string
	}
}

func refusedBy(t *testing.T, r httpapi.Response) refused {
	t.Helper()
	var p refused
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	return p
}

// hallOfTwo has a group A of two rows, of which the first seat is accessible, and a group B behind it.
func hallOfTwo() []readmodel.LayoutGroup {
	var hall []readmodel.LayoutGroup
	for _, name := range []string{"A", "B"} {
		g := readmodel.LayoutGroup{Group: name, Section: "s" + name, Kind: readmodel.KindSeats, Tier: "t", Price: contracts.Money{Minor: 500, Currency: "EUR"}}
		for row := range 2 {
			r := readmodel.LayoutRow{Name: fmt.Sprint(row + 1)}
			for seat := range 6 {
				r.Seats = append(r.Seats, fmt.Sprintf("%s-%d-%d", name, row+1, seat+1))
			}
			g.Rows, g.Seats = append(g.Rows, r), append(g.Seats, r.Seats...)
		}
		hall = append(hall, g)
	}
	hall[0].Accessible = []string{"A-1-1"}
	return hall
}

// showsOf makes a map of twelve seats with these places taken.
func showsOf(taken ...int) seatstate.Snapshot {
	m := seatstate.NewSeatMap(12)
	for _, p := range taken {
		m.Set(p, seatstate.Held)
	}
	return seatstate.Snapshot{Loaded: true, Map: m}
}

func named(more string, seats ...string) string {
	encoded, _ := json.Marshal(seats)
	return `{"concertId":"c","seats":` + string(encoded) + more + `}`
}

// A rule refuses an order after the one read of Redis and before anything else, and names a choice that would pass.
func TestRulesAboutSeats(t *testing.T) {
	contract := contracttest.New(t)
	look, all := []string{"look"}, []string{"look", "account", "send"}
	for name, test := range map[string]struct {
		world     world
		body      string
		calls     []string
		code      string
		about     []string
		suggested string
	}{
		"a single seat": {world: world{noSingleSeat: true, shown: showsOf()}, body: named("", "A-1-4", "A-1-5"), calls: look, code: "single_seat_left", about: []string{"A-1-6"},
			suggested: "same_row A-1-3 A-1-4, row_behind A-2-3 A-2-4"},
		"a single seat, without the rule":        {world: world{shown: showsOf()}, body: named("", "A-1-4", "A-1-5"), calls: all},
		"a single seat, of its own order":        {world: world{noSingleSeat: true, own: true, shown: showsOf(3, 4)}, body: named("", "A-1-4", "A-1-5"), calls: all},
		"a single seat, the map is not known":    {world: world{noSingleSeat: true}, body: named("", "A-1-4", "A-1-5"), calls: all},
		"a single seat, Redis does not answer":   {world: world{noSingleSeat: true, fail: map[string]bool{"look": true}}, body: named("", "A-1-4", "A-1-5"), calls: all},
		"an accessible place":                    {world: world{shown: showsOf()}, body: named("", "A-1-1"), calls: look, code: "accessible_reserved", about: []string{"A-1-1"}, suggested: "same_row A-1-2, row_behind A-2-1"},
		"an accessible place, no answer":         {world: world{fail: map[string]bool{"look": true}}, body: named("", "A-1-1"), calls: look, code: "accessible_reserved", about: []string{"A-1-1"}},
		"an accessible place that is asked for":  {world: world{shown: showsOf()}, body: named(`,"accessible":1`, "A-1-1", "A-1-2"), calls: all},
		"an accessible place that is released":   {world: world{released: 5000, shown: showsOf()}, body: named("", "A-1-1"), calls: all},
		"an accessible place before the release": {world: world{released: 5001, shown: showsOf()}, body: named("", "A-1-1"), calls: look, code: "accessible_reserved", about: []string{"A-1-1"}, suggested: "same_row A-1-2, row_behind A-2-1"},
		"taken, and a single seat":               {world: world{noSingleSeat: true, taken: []int{0}, shown: showsOf(3)}, body: named("", "A-1-4", "A-1-5"), calls: look, code: "seat_taken", about: []string{"A-1-4"}, suggested: "same_row A-1-5 A-1-6, row_behind A-2-3 A-2-4"},
		"taken, nothing near":                    {world: world{taken: []int{1}, shown: showsOf(0, 1, 2, 3, 4, 5, 6, 8, 10)}, body: named("", "A-1-4", "A-1-5"), calls: look, code: "seat_taken", about: []string{"A-1-5"}},
		"taken, the map is not known":            {world: world{taken: []int{1}}, body: named("", "A-1-4", "A-1-5"), calls: look, code: "seat_taken", about: []string{"A-1-5"}},
		"sold out in its section": {body: `{"concertId":"c","bestAvailable":{"section":"sA","quantity":2}}`, calls: []string{"maps", "account"}, code: "sold_out", suggested: "same_tier B-1-3 B-1-4",
			world: world{maps: []admission.GroupState{{Snapshot: showsOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)}, {Snapshot: showsOf()}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.world
			w.hall = hallOfTwo()
			response := w.post(t, test.body)
			if !slices.Equal(w.calls, test.calls) {
				t.Errorf("called %v, want %v", w.calls, test.calls)
			}
			if problems := contract.Problems(t, "POST", "/api/orders", response); problems != "" {
				t.Error(problems)
			}
			got := refusedBy(t, response)
			var suggested []string
			for _, s := range got.Suggestions {
				suggested = append(suggested, s.Why+" "+strings.Join(s.Seats, " "))
				if want := (contracts.Money{Minor: int64(500 * len(s.Seats)), Currency: "EUR"}); s.Amount != want {
					t.Errorf("%v costs %v, want %v", s.Seats, s.Amount, want)
				}
			}
			if got.Code != test.code || !slices.Equal(got.Seats, test.about) || strings.Join(suggested, ", ") != test.suggested {
				t.Errorf("got %d %s", response.StatusCode, response.Body)
			}
		})
	}
}

// Until their release at most three companions come with each accessible place, also where the system chooses the seats.
func TestCompanionsOfAnyPlaces(t *testing.T) {
	for accessible, want := range map[string]string{"0": "", "1": ""} {
		w := world{hall: hallOfTwo(), maps: []admission.GroupState{{Snapshot: showsOf()}, {Snapshot: showsOf()}}}
		response := w.post(t, `{"concertId":"c","bestAvailable":{"quantity":4,"accessible":`+accessible+`}}`)
		if got := refusedBy(t, response).Code; got != want {
			t.Errorf("4 seats, %s accessible: %s", accessible, response.Body)
		}
	}
	five := readmodel.Concert{ConcertID: "c", OnSaleAt: 1, OffSaleAt: 1 << 50, LimitPerOrder: 5, LayoutVersion: 2, LayoutFrozen: 2}
	released := five
	released.AccessibleReleaseAt = 5
	for _, test := range []struct {
		concert readmodel.Concert
		code    string
	}{{five, "accessible_reserved"}, {released, ""}} {
		_, err := admission.Check(bestOf(5, 1), test.concert, admission.NewSeating(hallOfTwo()), 10)
		if got := codeOf(err); got != test.code {
			t.Errorf("5 seats, 1 accessible, released at %d: %q, want %q", test.concert.AccessibleReleaseAt, got, test.code)
		}
	}
}

func bestOf(quantity, accessible int) admission.Request {
	return admission.Request{ConcertID: "c", Best: &message.BestAvailable{Quantity: quantity, Accessible: accessible}}
}

func codeOf(err error) string {
	var refusal *admission.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

// While maps are kept, seats that were taken have suggestions in other groups, and nothing more is read.
func TestSuggestionsInKeptMaps(t *testing.T) {
	w := world{hall: hallOfTwo(), maps: []admission.GroupState{{Snapshot: showsOf()}, {Snapshot: showsOf()}}}
	h := orders.Place{
		Catalogue: &w, Seats: &w, Hints: orders.NewHints(), Rows: &w, Queue: &w, IDs: &w, DeadlineAfter: 2 * time.Minute, Jitter: most{},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.UnixMilli(5000) },
	}
	postTo(t, h, `{"concertId":"c","bestAvailable":{"quantity":2}}`)
	w.calls, w.taken, w.shown = nil, []int{0}, showsOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	got := refusedBy(t, postTo(t, h, named("", "A-2-1", "A-2-2")))
	if len(got.Suggestions) != 2 || got.Suggestions[0].Seats[0] != "B-1-1" || got.Suggestions[0].Why != "same_tier" || !slices.Equal(w.calls, []string{"look"}) {
		t.Errorf("got %+v after %v", got, w.calls)
	}
}

// The number of accessible places is part of the body: with another one the same key is another order.
func TestAccessibleIsPartOfTheBody(t *testing.T) {
	seats := []string{"A-1-1", "A-1-2"}
	w := world{hall: hallOfTwo(), shown: showsOf(), row: &readmodel.Order{Status: contracts.Held, Version: 1, RequestHash: contracts.RequestHashNamed("c", seats, 1)}}
	for body, want := range map[string]int{named(`,"accessible":1`, seats...): 202, named(`,"accessible":1.0`, seats...): 202, named(`,"accessible":2`, seats...): 422} {
		if response := w.post(t, body); response.StatusCode != want {
			t.Errorf("%s: got %d %s", body, response.StatusCode, response.Body)
		}
	}
}
