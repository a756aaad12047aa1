package paymenttest

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
)

// Backend returns a provider on the double's account, with the double's buyer and bank. The provider's transport should
// keep no connections: net/http repeats a request on a kept connection that broke, and then a lost response would not be
// lost.
func (s *Server) Backend(p pay.Provider) Backend { return backend{Provider: p, Server: s} }

type backend struct {
	pay.Provider
	*Server
}

func (b backend) Now() contracts.Instant { return contracts.InstantOf(time.Now()) }

func (b backend) Confirm(t testing.TB, c pay.Created, card mempay.Card) bool {
	t.Helper()
	err := b.send(t.Context(), http.MethodPost, "/v1/payment_intents/"+c.ID+"/confirm", url.Values{
		"key": {publishableKey}, "client_secret": {c.ClientSecret}, "payment_method": {string(card)},
	}, nil)
	var no *statusError
	if err != nil && (!errors.As(err, &no) || no.status != http.StatusPaymentRequired && !strings.Contains(no.body, "payment_intent_unexpected_state")) {
		t.Fatal(err)
	}
	return err == nil
}

func (b backend) Lose(t testing.TB, id string) {
	t.Helper()
	b.must(t, http.MethodPost, "/double/payment_intents/"+id+"/lose", nil)
}

func (b backend) Refund(t testing.TB, id string, amount int64) {
	t.Helper()
	err := b.send(t.Context(), http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {id}, "amount": {strconv.FormatInt(amount, 10)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func (b backend) Dispute(t testing.TB, id string) {
	t.Helper()
	b.must(t, http.MethodPost, "/double/payment_intents/"+id+"/dispute", nil)
}

// paths has the method and path of each call.
var paths = map[mempay.Call][2]string{
	mempay.CallCreate:   {http.MethodPost, "^/v1/payment_intents$"},
	mempay.CallRetrieve: {http.MethodGet, "^/v1/payment_intents/[^/]+$"},
	mempay.CallCapture:  {http.MethodPost, "/capture$"},
	mempay.CallCancel:   {http.MethodPost, "/cancel$"},
}

func (b backend) Fail(t testing.TB, order contracts.OrderID, call mempay.Call, kind mempay.Fault) {
	t.Helper()
	fault := map[string]any{"method": paths[call][0], "path": paths[call][1], "order": order, "times": 1, "kind": "error"}
	switch kind {
	case mempay.Lost:
		fault["kind"] = "lost"
	case mempay.Limited:
		fault["status"] = http.StatusTooManyRequests
	default:
		fault["status"], fault["effect"], fault["page"] = http.StatusInternalServerError, kind == mempay.BrokenAfter, kind == mempay.Garbled
	}
	b.must(t, http.MethodPost, "/double/faults", fault)
}

func (b backend) Miss(order contracts.OrderID) { b.missed.Store(order, true) }

func (b backend) Effects(t testing.TB, order contracts.OrderID) (kinds []string) {
	t.Helper()
	var journal struct {
		Effects []struct {
			Kind     string            `json:"kind"`
			Metadata map[string]string `json:"metadata"`
		} `json:"effects"`
	}
	b.must(t, http.MethodGet, "/double/journal", &journal)
	for _, e := range journal.Effects {
		if e.Metadata["orderId"] == string(order) {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}
