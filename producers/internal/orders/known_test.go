package orders_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// row returns the row of the order with this body.
func row(hash string) *readmodel.Order {
	return &readmodel.Order{Status: contracts.Held, Version: 1, RequestHash: hash}
}

func number(n int) *int { return &n }

// The limit is 8 and the order is for two seats. Its row decides, whatever the allowance says; what is not known refuses nobody;
// before 409 limit_reached the row is read once more, and no other call is made.
func TestBuyerLimit(t *testing.T) {
	named, adjacent := contracts.RequestHash("c", []string{"A-1-1", "A-1-2"}), contracts.RequestHashBest("c", "s", 2, 0)
	enqueued, refused, again := []string{"account", "send"}, []string{"account", "row"}, []string{"account", "row", "send"}
	for name, test := range map[string]struct {
		world world
		body  string
		calls []string
		want  int
		code  string
	}{
		"within the limit":                         {world: world{counted: number(6)}, calls: enqueued, want: 202},
		"no seats counted":                         {world: world{counted: number(0)}, calls: enqueued, want: 202},
		"over the limit":                           {world: world{counted: number(7)}, calls: refused, want: 409, code: "limit_reached"},
		"a limit that was lowered":                 {world: world{counted: number(20)}, calls: refused, want: 409, code: "limit_reached"},
		"no allowance":                             {calls: enqueued, want: 202},
		"over the limit, and it is this order":     {world: world{counted: number(8), row: row(named)}, calls: []string{"account"}, want: 202},
		"over the limit, a row of another body":    {world: world{counted: number(8), row: row("other")}, calls: []string{"account"}, want: 422, code: "idempotency_mismatch"},
		"its own transaction, seen half done":      {world: world{counted: number(8), late: row(named)}, calls: refused, want: 202},
		"that of another body, seen half done":     {world: world{counted: number(8), late: row("other")}, calls: refused, want: 422, code: "idempotency_mismatch"},
		"the batch did not process the row":        {world: world{counted: number(8), skipped: true}, calls: enqueued, want: 202},
		"it processed neither":                     {world: world{skipped: true}, calls: enqueued, want: 202},
		"no answer":                                {world: world{counted: number(8), fail: map[string]bool{"account": true}}, calls: enqueued, want: 202},
		"the second read fails":                    {world: world{counted: number(8), fail: map[string]bool{"row": true}}, calls: again, want: 202},
		"best, within the limit":                   {body: best, world: world{maps: free, counted: number(6)}, calls: enqueued, want: 202},
		"best, over the limit":                     {body: best, world: world{maps: free, counted: number(7)}, calls: refused, want: 409, code: "limit_reached"},
		"best, over the limit, and it is this one": {body: best, world: world{maps: free, counted: number(8), row: row(adjacent)}, calls: []string{"account"}, want: 202},
		"best, seen half done":                     {body: best, world: world{maps: gone(seatstate.RecordHeld), counted: number(8), late: row(adjacent)}, calls: refused, want: 202},
		"best, none left, over the limit":          {body: best, world: world{maps: gone(""), counted: number(8)}, calls: []string{"account"}, want: 409, code: "sold_out"},
		"best, none left, the row not processed":   {body: best, world: world{maps: gone(""), counted: number(8), skipped: true}, calls: enqueued, want: 202},
		"a seat that is taken, over the limit":     {world: world{taken: []int{0}, counted: number(8)}, want: 409, code: "seat_taken"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.body == "" {
				test.body = good
			}
			w := test.world
			response := w.post(t, test.body)
			if calls := w.calls[1:]; response.StatusCode != test.want || !slices.Equal(calls, test.calls) {
				t.Errorf("got %d after %v, want %d after %v: %s", response.StatusCode, calls, test.want, test.calls, response.Body)
			}
			if test.code != "" && code(t, response) != test.code {
				t.Errorf("got %s", response.Body)
			}
			if response.Headers["Retry-After"] != "" && response.StatusCode == http.StatusConflict {
				t.Errorf("Retry-After is %q although waiting does not help", response.Headers["Retry-After"])
			}
		})
	}
}

// An order that is over the limit by itself is refused also if nothing is counted for its buyer yet.
func TestAnOrderOverTheLimitByItself(t *testing.T) {
	for _, counted := range []*int{nil, number(0)} {
		w := world{counted: counted, buyerLimit: 1}
		if response := w.post(t, good); response.StatusCode != http.StatusConflict || code(t, response) != "limit_reached" || !strings.Contains(response.Body, "You have 0, and this order asks for 2.") {
			t.Errorf("counted %v: %d %s", counted, response.StatusCode, response.Body)
		}
	}
	w := world{buyerLimit: 1, skipped: true}
	if response := w.post(t, good); response.StatusCode != http.StatusAccepted {
		t.Errorf("with an unknown row: %d %s", response.StatusCode, response.Body)
	}
}

// The answer states the numbers that refused the buyer.
func TestLimitReachedStatesTheCounts(t *testing.T) {
	w := world{counted: number(7)}
	response := w.post(t, good)
	if !strings.Contains(response.Body, "at most 8 seats") || !strings.Contains(response.Body, "You have 7, and this order asks for 2.") {
		t.Errorf("answered %s", response.Body)
	}
}
