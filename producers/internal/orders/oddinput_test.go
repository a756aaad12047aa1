package orders_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orderid"
)

// odd are texts that no concert, section or seat is called.
var odd = map[string]string{
	"a thousand characters": strings.Repeat("x", 1000),
	"an emoji":              "🎻🎟️",
	"right to left":         "\u202eאולם\u202c مسرح",
	"NUL":                   "A-1-1\x00",
	"a line":                "A-1-1\r\nX: 1",
	"a path":                "../../A-1-1",
	"another form of é":     "e\u0301",
	"a key of Redis":        "c#A",
	"spaces":                "   ",
}

// A name that nothing has is refused with the code of what is not there, which names it, wherever it stands; nothing is enqueued.
func TestOddNamesAreRefused(t *testing.T) {
	for what, name := range odd {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		for where, c := range map[string]struct {
			body, code, pointer string
			status              int
			named               bool
		}{
			"a seat":    {fmt.Sprintf(`{"concertId":"c","seats":["A-1-1",%s]}`, quoted), "unknown_seat", "", http.StatusUnprocessableEntity, true},
			"a section": {fmt.Sprintf(`{"concertId":"c","bestAvailable":{"section":%s,"quantity":1}}`, quoted), "unknown_section", "", http.StatusUnprocessableEntity, false},
			"a member":  {fmt.Sprintf(`{"concertId":"c","seats":["A-1-1"],%s:1}`, quoted), "invalid_json", "*", http.StatusBadRequest, false},
		} {
			w := world{}
			response := w.post(t, c.body)
			var p struct {
				Code, Pointer string
				Seats         []string
			}
			if err := json.Unmarshal([]byte(response.Body), &p); err != nil {
				t.Fatalf("%s as %s: %v: %s", what, where, err, response.Body)
			}
			if response.StatusCode != c.status || p.Code != c.code || (p.Pointer != "") != (c.pointer != "") || len(w.sent) > 0 {
				t.Errorf("%s as %s: %d %.300s", what, where, response.StatusCode, response.Body)
			}
			if c.named && (len(p.Seats) != 1 || p.Seats[0] != name) {
				t.Errorf("%s as %s: the seats are %q", what, where, p.Seats)
			}
		}
	}
}

// Whatever the body is: the answer is 202 or a problem with a code of the contract, never a 5xx, and an order is enqueued exactly with
// a 202.
func FuzzPlaceAnyBody(f *testing.F) {
	for _, seed := range []string{
		good, best, `{}`, `[]`, `null`, `{"concertId":"c","seats":[]}`, `{"concertId":"c","bestAvailable":{"quantity":2.0}}`, `{"concertId":"c","seats":["A-1-1"],"accessible":1e0}`,
		`{"concertId":"c","seats":["\u0000"]}`, `{"concertId":"c","bestAvailable":{"quantity":-1}}`, "\x00", `{"concertId":"c","seats":["A-1-1","A-1-1"]}`, `{"concertId":"c","concertId":"c"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := world{maps: free}
		response := w.post(t, body)
		accepted := response.StatusCode == http.StatusAccepted
		if accepted != (len(w.sent) == 1) || len(w.sent) > 1 {
			t.Fatalf("%d with %d messages: %s", response.StatusCode, len(w.sent), response.Body)
		}
		if accepted {
			return
		}
		if response.StatusCode < 400 || response.StatusCode > 499 || code(t, response) == "" || response.Headers["Content-Type"] != "application/problem+json" {
			t.Fatalf("got %d %s", response.StatusCode, response.Body)
		}
	})
}

// The order of another buyer, or an id that is none, cannot be cancelled; the answer is always the same, and no row is read for it.
func TestOrdersOfOthersAreNotCancelled(t *testing.T) {
	ids, err := orderid.New("e", "1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	rapid.Check(t, func(r *rapid.T) {
		annas := string(ids.Mint("anna", rapid.StringMatching(`[a-z]{1,8}`).Draw(r, "key")))
		at := rapid.IntRange(0, len(annas)-1).Draw(r, "at")
		asked := rapid.SampledFrom([]string{
			annas, annas[:at], annas + annas[:1], strings.ToUpper(annas), annas[:at] + rapid.StringMatching(`[0-9a-z]`).Draw(r, "character") + annas[at+1:],
			rapid.String().Draw(r, "text"),
		}).Draw(r, "asked")
		w := &world{row: row("hash")}
		response := w.deleteBy(t, ids, "ben", asked)
		if want == "" {
			want = response.Body
		}
		if response.StatusCode != http.StatusNotFound || response.Body != want || code(t, response) != httpapi.CodeOrderNotFound || len(w.calls) > 0 {
			r.Fatalf("%q: %d %s after %v", asked, response.StatusCode, response.Body, w.calls)
		}
	})
	bens := ids.Mint("ben", "k")
	w := &world{row: &readmodel.Order{OrderID: bens, ConcertID: "c", Group: "A", Status: contracts.Held, Version: 1}}
	if response := w.deleteBy(t, ids, "ben", string(bens)); response.StatusCode != http.StatusAccepted {
		t.Errorf("ben's own order: %d %s", response.StatusCode, response.Body)
	}
}
