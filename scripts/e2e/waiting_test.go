package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

// decideWithin bounds how long a test waits for a decision. A handler that another test killed may block a group for the
// visibility timeout.
const decideWithin = 45 * time.Second

// place sends an order, which must be accepted.
func (s *stack) place(t *testing.T, c *apiclient.Client, key string, seats ...string) apiclient.Accepted {
	t.Helper()
	answer, err := c.Place(t.Context(), key, apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != http.StatusAccepted {
		t.Fatalf("POST /orders %v: %d %+v", seats, answer.Status, answer.Problem())
	}
	var accepted apiclient.Accepted
	if err := answer.Decode(&accepted); err != nil {
		t.Fatal(err)
	}
	if want := "/api/orders/" + accepted.OrderID; answer.Header.Get("Location") != want {
		t.Errorf("Location is %q, want %q", answer.Header.Get("Location"), want)
	}
	return accepted
}

// waitDecided waits until an order is decided and, if it is held, can be paid.
func (s *stack) waitDecided(t *testing.T, c *apiclient.Client, id string) apiclient.Order {
	t.Helper()
	return s.waitFor(t, c, id, decideWithin, apiclient.Payable)
}

func (s *stack) waitFor(t *testing.T, c *apiclient.Client, id string, within time.Duration, done func(apiclient.Order) bool) apiclient.Order {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	o, err := c.WaitFor(ctx, id, done)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// eventually waits until a condition holds. why says why it does not.
func eventually(t *testing.T, within time.Duration, condition func() (holds bool, why string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		holds, why := condition()
		if holds {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, why)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func timelineOf(o apiclient.Order) string {
	var names []string
	for _, e := range o.Timeline {
		names = append(names, string(e.Status))
	}
	return strings.Join(names, " ")
}

func wantStatus(t *testing.T, o apiclient.Order, want contracts.Status) {
	t.Helper()
	if o.Status != want {
		t.Fatalf("order %s is %s (%+v), want %s", o.OrderID, o.Status, o.Reason, want)
	}
}
