package stripepay_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/consumers/internal/adapters/stripepay"
	"boxoffice/consumers/internal/retry"
)

// listing is a Provider over a list of these objects, and its log.
func listing(t *testing.T, more bool, objects ...string) (*stripepay.Provider, *bytes.Buffer, *http.Request) {
	t.Helper()
	log, asked := &bytes.Buffer{}, &http.Request{}
	p := answering(t, retry.NoBreaker{}, slog.New(slog.NewJSONHandler(log, nil)), func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		_, _ = fmt.Fprintf(w, `{"object":"list","has_more":%v,"data":[%s]}`, more, strings.Join(objects, ","))
	})
	return p, log, asked
}

const (
	event  = `{"id":"evt_%d","object":"event","type":"payment_intent.canceled","data":{"object":{"id":"pi_1","object":"payment_intent"}}}`
	intent = `{"id":"pi_%d","object":"payment_intent","status":"succeeded","amount_received":5,"latest_charge":{"amount":5,"amount_captured":5}}`
)

// An object that cannot be read is logged, and neither the other objects nor the next pages are lost.
func TestUnreadableObjectIsSkipped(t *testing.T) {
	for what, c := range map[string]struct {
		more    bool
		objects []string
		ids     []string
		next    string
		logged  string
	}{
		"all is well":             {true, []string{fmt.Sprintf(event, 1), fmt.Sprintf(event, 2)}, []string{"evt_1", "evt_2"}, "evt_2", ""},
		"the end":                 {false, []string{fmt.Sprintf(event, 1)}, []string{"evt_1"}, "", ""},
		"nothing":                 {false, nil, nil, "", ""},
		"one of another kind":     {true, []string{fmt.Sprintf(event, 1), `{"id":"evt_2","object":"charge"}`}, []string{"evt_1"}, "evt_2", "passed over"},
		"a number":                {true, []string{fmt.Sprintf(event, 1), `7`}, []string{"evt_1"}, "evt_1", "passed over"},
		"the last without an id":  {true, []string{fmt.Sprintf(event, 1), `{}`, `{"id":7}`}, []string{"evt_1"}, "evt_1", "passed over"},
		"a page without any id":   {true, []string{`{}`, `{}`}, nil, "", "list ends early"},
		"an empty page with more": {true, nil, nil, "", "list ends early"},
	} {
		t.Run(what, func(t *testing.T) {
			p, log, _ := listing(t, c.more, c.objects...)
			page, err := p.Undelivered(t.Context(), 1, "")
			var ids []string
			for _, e := range page.Events {
				ids = append(ids, e.ID)
			}
			if err != nil || !slices.Equal(ids, c.ids) || page.Next != c.next || strings.Contains(log.String(), "ERROR") != (c.logged != "") || !strings.Contains(log.String(), c.logged) {
				t.Errorf("got %v, next %q, %v, log %s", ids, page.Next, err, log.String())
			}
		})
	}
	p, log, _ := listing(t, true, fmt.Sprintf(intent, 1), `{"id":"pi_2","object":"payment_intent","latest_charge":"ch_1"}`, fmt.Sprintf(intent, 3))
	page, err := p.Entries(t.Context(), 1, 2, "")
	if err != nil || len(page.Entries) != 2 || page.Next != "pi_3" || !strings.Contains(log.String(), "pi_2") {
		t.Errorf("PaymentIntents %+v, %v, log %s", page, err, log.String())
	}
}

// A page is requested after an id, within whole seconds, and with the charges that the ledger needs.
func TestPageParameters(t *testing.T) {
	p, _, asked := listing(t, false)
	if _, err := p.Entries(t.Context(), 1_001, 5_000, "pi_7"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"starting_after": "pi_7", "limit": "100", "created[gte]": "2", "created[lte]": "4", "expand[0]": "data.latest_charge"}
	got := asked.URL.Query()
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.Get(name), value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("asked with %v", got)
	}
	if _, err := p.Undelivered(t.Context(), 1_999, ""); err != nil {
		t.Fatal(err)
	}
	if got := asked.URL.Query(); got.Has("starting_after") || got.Get("created[gte]") != "1" || got.Get("delivery_success") != "false" || got.Get("types[0]") == "" {
		t.Errorf("events are asked for with %v", got)
	}
}

// The part of a charge that was never captured was never received, so it does not count as refunded.
func TestUncapturedAmountIsNotRefunded(t *testing.T) {
	for what, c := range map[string]struct {
		body     string
		refunded int64
		disputed bool
	}{
		"nothing":             {`"status":"succeeded","latest_charge":{"amount":500,"amount_captured":500}`, 0, false},
		"a part":              {`"status":"succeeded","latest_charge":{"amount":500,"amount_captured":500,"amount_refunded":200}`, 200, false},
		"captured in part":    {`"status":"succeeded","latest_charge":{"amount":500,"amount_captured":300,"amount_refunded":200}`, 0, false},
		"in part, and a part": {`"status":"succeeded","latest_charge":{"amount":500,"amount_captured":300,"amount_refunded":250}`, 50, false},
		"given back":          {`"status":"canceled","latest_charge":{"amount":500,"amount_captured":0,"amount_refunded":500}`, 0, false},
		"disputed":            {`"status":"succeeded","latest_charge":{"amount":500,"amount_captured":500,"disputed":true}`, 0, true},
		"without a charge":    {`"status":"requires_payment_method","latest_charge":null`, 0, false},
	} {
		p, _, _ := listing(t, false, `{"id":"pi_1","object":"payment_intent",`+c.body+`}`)
		page, err := p.Entries(t.Context(), 1, 2, "")
		if err != nil || len(page.Entries) != 1 || page.Entries[0].Refunded != c.refunded || page.Entries[0].Disputed != c.disputed {
			t.Errorf("%s: %+v, %v", what, page, err)
		}
	}
}
