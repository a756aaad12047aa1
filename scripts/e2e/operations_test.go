package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/tokenkeys"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/localtokens"
	"boxoffice/scripts/internal/testbed"
)

// seenQueue and seenOverview have what the tests look at.
type seenQueue struct {
	Name        string
	Visible     *int
	DeadLetters *int
	History     []struct{ Visible int }
}

type seenOverview struct {
	At       contracts.Instant
	Stale    bool
	Queues   []seenQueue
	Orders   map[contracts.Status]int
	Concerts []struct {
		ConcertID                                 string
		GroupCount, GroupsKnown, Free, Held, Sold int
		Groups                                    []struct {
			Group, Section, Tier, State string
			Free, Held, Sold            int
		}
	}
}

// operator returns a client whose token has the scope operator, as `make token OPERATOR=1` makes it.
func (s *stack) operator(t *testing.T) *apiclient.Client {
	t.Helper()
	claims := localtokens.ClaimsOf(s.API, testbed.Named("olga"), time.Now(), localtokens.TTL)
	claims.Scope += " " + tokenkeys.ScopeOperator
	token, err := s.Key.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return s.withToken(t, token)
}

// An operator sees queues, a held and a sold seat, and a letter, a run of reconcile later.
func TestOperatorSeesSeatsOrdersAndLetters(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	olga, anna := s.operator(t), s.signedIn(t, testbed.Named("anna"))
	seats := s.takeSeats(t, 1)
	g, _ := s.groupOf(t, seats[0])
	sold := s.placePayable(t, anna, "key-sold", seats[0])
	s.pay(t, sold, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, sold.OrderID), contracts.Confirmed)

	id := newOrderID(t)
	s.enqueue(t, message.Encoded{
		Route: message.Route{Group: s.Concert + "#" + g.Group, DeduplicationID: string(id)}, Body: "not JSON",
		Attributes: message.Attributes{Kind: message.KindPlaceOrder, OrderID: id, UserID: "anna", ConcertID: s.Concert, Group: g.Group},
	})
	eventually(t, decideWithin, func() (bool, string) {
		s.reconcile(t)
		return len(s.keptLetters(t, id)) == 1, "the letter is not kept"
	})

	var o seenOverview
	held := apiclient.Order{}
	eventually(t, 2*decideWithin, func() (bool, string) {
		// Holds are short in tests: the seat is held again as soon as the last hold has ended.
		if held.OrderID == "" || time.Until(held.HoldExpiresAt.Time()) < time.Second {
			held = s.placePayable(t, s.signedIn(t, testbed.Named("anna")), "key-held", s.takeSeatsOutside(t, seats[0], 1)...)
		}
		s.reconcile(t)
		if err := olga.Get(t.Context(), "/ops/overview", &o); err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(o.Queues, func(q seenQueue) bool { return q.Name == "orders" })
		if at < 0 || o.Queues[at].Visible == nil || o.Queues[at].DeadLetters == nil || *o.Queues[at].DeadLetters < 1 || len(o.Queues[at].History) < 1 {
			return false, fmt.Sprintf("queues %+v", o.Queues)
		}
		for _, c := range o.Concerts {
			if c.ConcertID != s.Concert {
				continue
			}
			for _, group := range c.Groups {
				if group.Group == g.Group && (group.Sold < 1 || group.Section == "" || group.Tier == "" || group.State != "ready") {
					return false, fmt.Sprintf("group %+v", group)
				}
			}
			return !o.Stale && c.Held >= 1 && c.Sold >= 1 && c.GroupsKnown == c.GroupCount && len(c.Groups) == c.GroupCount &&
				o.Orders[contracts.AwaitingPayment] >= 1 && o.Orders[contracts.Confirmed] >= 1, fmt.Sprintf("concert %+v, orders %v", c, o.Orders)
		}
		return false, "the concert is not in the overview"
	})

	found := false
	for path := "/ops/dead-letters?limit=2"; path != "" && !found; {
		var page struct {
			DeadLetters []struct {
				MessageID, Queue, Kind, Reason string
				OrderID                        contracts.OrderID
			}
			NextCursor string
		}
		if err := olga.Get(t.Context(), path, &page); err != nil {
			t.Fatal(err)
		}
		for _, letter := range page.DeadLetters {
			found = found || letter.OrderID == id && letter.Queue == "orders-dead" && letter.Kind == string(message.KindPlaceOrder) && letter.Reason == "malformed"
		}
		if path = ""; page.NextCursor != "" {
			path = "/ops/dead-letters?limit=2&cursor=" + url.QueryEscape(page.NextCursor)
		}
	}
	if !found {
		t.Error("the letter is not in the list")
	}
}

// The routes of operators answer nobody else: the gateway asks for a token and for its scope.
func TestOnlyOperatorsSeeTheOverview(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	for _, path := range []string{"/ops/overview", "/ops/dead-letters", "/ops/dead-letters?cursor=x"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for status, c := range map[int]*apiclient.Client{http.StatusUnauthorized: s.withToken(t, ""), http.StatusForbidden: anna} {
				answer, err := c.Do(t.Context(), method, path, nil, nil)
				if err != nil || answer.Status != status {
					t.Errorf("%s %s: %d %s, %v; want %d", method, path, answer.Status, answer.Body, err, status)
				}
				if method == http.MethodGet && status == http.StatusForbidden && answer.Problem().Message != "Forbidden" {
					t.Errorf("%s: %s", path, answer.Body)
				}
			}
		}
	}
	olga := s.operator(t)
	for path, code := range map[string]string{
		"/ops/dead-letters?cursor=x": "invalid_cursor", "/ops/dead-letters?limit=0": "invalid_limit", "/ops/dead-letters?zone=x": "invalid_filter", "/ops/overview?x=1": "invalid_filter",
	} {
		answer, err := olga.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil || answer.Status != http.StatusBadRequest || answer.Problem().Code != code {
			t.Errorf("%s: %d %s, %v; want %s", path, answer.Status, answer.Body, err, code)
		}
	}
}
