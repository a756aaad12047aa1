package webhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	signing "github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/stripesignature"
	"boxoffice/producers/internal/webhook"
)

const (
	route  = "POST /api/webhooks/stripe"
	secret = "whsec_canary_of_the_secret"
	order  = "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4"
	ours   = `{"environment":"dev","orderId":"` + order + `","concertId":"nocturne-2030","seatGroup":"parkett-left"}`
)

// limit bounds a body: 256 KB.
const limit = 262_144

// event is an event as Stripe sends it, with members that must never be shown.
func event(kind, metadata string) string {
	return fmt.Sprintf(`{"id":"evt_1","object":"event","api_version":%q,"created":1800003600,"livemode":false,"pending_webhooks":1,"type":%q,
		"data":{"object":{"id":"pi_1","object":"payment_intent","amount":12000,"amount_capturable":12000,"currency":"eur","livemode":false,
		"status":"requires_capture","client_secret":"pi_1_secret_canary","receipt_email":"canary@example.org",
		"last_payment_error":{"code":"card_declined","decline_code":"insufficient_funds","message":"canary of the bank"},"metadata":%s}}}`,
		stripeevent.APIVersion, kind, metadata)
}

// live is the same event in live mode. Its object stays as it is: the event's own member counts.
func live(event string) string {
	return strings.Replace(event, `"livemode":false`, `"livemode":true`, 1)
}

func sign(payload string, age time.Duration) string {
	return signing.GenerateTestSignedPayload(&signing.UnsignedPayload{Payload: []byte(payload), Secret: secret, Timestamp: time.Now().Add(-age)}).Header
}

// thin is an event of Stripe's newer kind: other members, and no object in it.
const thin = `{"id":"evt_2","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","livemode":false,
	"created":"2024-09-17T06:20:52.246Z","related_object":{"id":"mtr_canary","type":"billing.meter","url":"/v1/billing/meters/mtr_canary"}}`

// queue keeps the messages that it takes; it takes none while err is set.
type queue struct {
	sent []message.Encoded
	err  error
}

func (q *queue) Send(_ context.Context, m message.Encoded) error {
	if q.err != nil {
		return q.err
	}
	q.sent = append(q.sent, m)
	return nil
}

// hook is the handler behind its router, with everything that it writes.
type hook struct {
	queue  queue
	out    bytes.Buffer
	router *httpapi.Router
}

func newHook(t testing.TB) *hook {
	t.Helper()
	return newHookOf(t, message.ModeTest)
}

func newHookOf(t testing.TB, mode message.PaymentMode) *hook {
	t.Helper()
	signatures, err := stripesignature.New("whsec_of_tomorrow," + secret)
	if err != nil {
		t.Fatal(err)
	}
	h := &hook{}
	log := telemetry.NewLogger(&h.out, "stripe-webhook")
	handler := &webhook.Stripe{Signatures: signatures, Queue: &h.queue, Environment: "dev", Mode: mode, Log: log, Meter: telemetry.NewMeter(&h.out, "stripe-webhook", time.Now)}
	h.router = httpapi.NewRouter(map[string]httpapi.Handler{route: handler.Handle}, log, time.Now)
	return h
}

func (h *hook) post(t testing.TB, body, signature string) httpapi.Response {
	t.Helper()
	return h.send(t, requestOf(body, signature))
}

func requestOf(body, signature string) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{RouteKey: route, RawPath: "/api/webhooks/stripe", Body: body, Headers: map[string]string{
		"content-type": "application/json; charset=utf-8", "stripe-signature": signature, "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
	}}
}

func (h *hook) send(t testing.TB, request events.APIGatewayV2HTTPRequest) httpapi.Response {
	t.Helper()
	response, err := h.router.Handle(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// outcomes has the outcomes of the metric, in their order.
func (h *hook) outcomes(t testing.TB) (outcomes []string) {
	t.Helper()
	for line := range strings.Lines(h.out.String()) {
		var m struct {
			Received *int `json:"WebhooksReceived"`
			Outcome  string
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m.Received != nil {
			outcomes = append(outcomes, m.Outcome)
		}
	}
	return outcomes
}

func code(t testing.TB, r httpapi.Response) string {
	t.Helper()
	var p struct{ Code string }
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	return p.Code
}

// Every answer fits the contract, the queue has what it should have, and nothing of a body, a secret or a signature is in any log
// or answer.
func TestAnswerPerEvent(t *testing.T) {
	contract := contracttest.New(t)
	authorized := event(stripeevent.TypeAuthorized, ours)
	padded := func(size int) string { return authorized + strings.Repeat(" ", size-len(authorized)) }
	inBase64 := func(r *events.APIGatewayV2HTTPRequest) {
		r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(r.Body)), true
	}
	for name, test := range map[string]struct {
		body string
		// signature is of the body, unless another one is set.
		signature string
		age       time.Duration
		change    func(*events.APIGatewayV2HTTPRequest)
		queue     error
		want      int
		outcome   string
		kind      message.Kind
	}{
		"authorised":                     {body: authorized, want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"declined":                       {body: event(stripeevent.TypeDeclined, ours), want: 200, outcome: "enqueued", kind: message.KindPaymentDeclined},
		"cancelled":                      {body: event(stripeevent.TypeCanceled, ours), want: 200, outcome: "enqueued", kind: message.KindCheckPayment},
		"300 s old":                      {body: authorized, age: 300 * time.Second, want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"in base64":                      {body: authorized, change: inBase64, want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"without a content type":         {body: authorized, change: func(r *events.APIGatewayV2HTTPRequest) { delete(r.Headers, "content-type") }, want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"of another API version":         {body: strings.Replace(authorized, stripeevent.APIVersion, "2031-01-01", 1), want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"of 256 KB":                      {body: padded(limit), want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"of 256 KB in base64":            {body: padded(limit), change: inBase64, want: 200, outcome: "enqueued", kind: message.KindPaymentAuthorized},
		"of the other mode":              {body: live(authorized), want: 200, outcome: "other_mode"},
		"of the other mode, captured":    {body: live(event("payment_intent.succeeded", ours)), want: 200, outcome: "other_mode"},
		"of the other mode, queue down":  {body: live(authorized), queue: errors.New("refused"), want: 200, outcome: "other_mode"},
		"of the other mode, forged":      {body: live(authorized), signature: "t=1800003600,v1=" + strings.Repeat("ab", 32), want: 400, outcome: "invalid_signature"},
		"with a mode that is no boolean": {body: strings.Replace(event("v2.core.unheard_of", ours), `"livemode":false`, `"livemode":"no"`, 1), want: 200, outcome: "not_ours"},
		"captured":                       {body: event("payment_intent.succeeded", ours), want: 200, outcome: "not_ours"},
		"of an unknown type":             {body: event("v2.core.unheard_of", ours), want: 200, outcome: "not_ours"},
		"of another environment":         {body: event(stripeevent.TypeAuthorized, strings.Replace(ours, "dev", "prod", 1)), want: 200, outcome: "not_ours"},
		"of an intent without metadata":  {body: event(stripeevent.TypeAuthorized, `{}`), want: 200, outcome: "not_ours"},
		"none of ours, the queue down":   {body: event("payment_intent.succeeded", ours), queue: errors.New("refused"), want: 200, outcome: "not_ours"},
		"the queue down":                 {body: authorized, queue: errors.New("refused"), want: 503, outcome: "unavailable"},
		"a thin event":                   {body: thin, want: 200, outcome: "not_ours"},
		"a thin event, forged":           {body: thin, signature: sign(thin+" ", 0), want: 400, outcome: "invalid_signature"},
		"a thin event, 301 s old":        {body: thin, age: 301 * time.Second, want: 400, outcome: "stale_signature"},
		"a thin event, the queue down":   {body: thin, queue: errors.New("refused"), want: 200, outcome: "not_ours"},
		"of a type alone":                {body: `{"type":"customer.created"}`, want: 200, outcome: "not_ours"},
		"ours as a thin event":           {body: strings.Replace(thin, "v1.billing.meter.error_report_triggered", stripeevent.TypeCanceled, 1), want: 400, outcome: "invalid_payload"},
		"ours in a form to come":         {body: strings.Replace(authorized, `"amount":12000`, `"amount":{"value":12000}`, 1), want: 400, outcome: "invalid_payload"},
		"another's in a form to come":    {body: strings.Replace(event(stripeevent.TypeAuthorized, strings.Replace(ours, "dev", "prod", 1)), `"amount":12000`, `"amount":{"value":12000}`, 1), want: 200, outcome: "not_ours"},
		"forged":                         {body: authorized, signature: "t=1800003600,v1=" + strings.Repeat("ab", 32), want: 400, outcome: "invalid_signature"},
		"without a signature":            {body: authorized, change: func(r *events.APIGatewayV2HTTPRequest) { delete(r.Headers, "stripe-signature") }, want: 400, outcome: "invalid_signature"},
		"changed on the way":             {body: strings.Replace(authorized, "12000", "12001", 1), signature: sign(authorized, 0), want: 400, outcome: "invalid_signature"},
		"301 s old":                      {body: authorized, age: 301 * time.Second, want: 400, outcome: "stale_signature"},
		"forged, and no event":           {body: `canary`, signature: "t=1,v1=00", want: 400, outcome: "invalid_signature"},
		"no JSON":                        {body: `canary`, want: 400, outcome: "invalid_payload"},
		"no event":                       {body: `{"id":"pi_1","object":"payment_intent","client_secret":"canary"}`, want: 400, outcome: "invalid_payload"},
		"nothing":                        {body: ``, want: 400, outcome: "invalid_payload"},
		"ours, of no order":              {body: event(stripeevent.TypeAuthorized, `{"environment":"dev","concertId":"c","seatGroup":"g"}`), want: 400, outcome: "invalid_payload"},
		"not the base64 that it says":    {body: "!", change: func(r *events.APIGatewayV2HTTPRequest) { r.IsBase64Encoded = true }, want: 400, outcome: "invalid_payload"},
		"over 256 KB":                    {body: padded(limit + 1), want: 413, outcome: "body_too_large"},
		"over 256 KB in base64":          {body: padded(limit + 1), change: inBase64, want: 413, outcome: "body_too_large"},
		"over 256 KB, forged, no event ": {body: strings.Repeat("x", limit+1), signature: "t=1,v1=00", want: 413, outcome: "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			// In a bubble the clock stands still, so that ages are exact.
			synctest.Test(t, func(t *testing.T) {
				if test.signature == "" {
					test.signature = sign(test.body, test.age)
				}
				h := newHook(t)
				h.queue.err = test.queue
				request := requestOf(test.body, test.signature)
				if test.change != nil {
					test.change(&request)
				}
				response := h.send(t, request)
				if response.StatusCode != test.want || !slices.Equal(h.outcomes(t), []string{test.outcome}) {
					t.Errorf("answered %d %s, counted as %v, want %d, %s", response.StatusCode, response.Body, h.outcomes(t), test.want, test.outcome)
				}
				if problems := contract.Problems(t, http.MethodPost, "/api/webhooks/stripe", response); problems != "" {
					t.Errorf("%s: %s", problems, response.Body)
				}
				if test.want >= 400 && code(t, response) != test.outcome {
					t.Errorf("answered %s, want %s", response.Body, test.outcome)
				}
				if paced := response.Headers["Retry-After"] != ""; paced != (test.want == 503) {
					t.Errorf("Retry-After is %q", response.Headers["Retry-After"])
				}
				if sent := h.queue.sent; len(sent) > 1 || (len(sent) == 1) != (test.outcome == "enqueued") || len(sent) == 1 && sent[0].Attributes.Kind != test.kind {
					t.Errorf("enqueued %+v, want %q", sent, test.kind)
				}
				written := h.out.String() + response.Body
				for _, inside := range []string{"canary", "v1=", test.signature, "12000"} {
					if inside != "" && strings.Contains(written, inside) {
						t.Errorf("%q is in %s", inside, written)
					}
				}
			})
		})
	}
}

func TestEnqueuedMessage(t *testing.T) {
	h := newHook(t)
	body := event(stripeevent.TypeAuthorized, ours)
	if response := h.post(t, body, sign(body, 0)); response.Body != `{"enqueued":true}` || len(h.queue.sent) != 1 {
		t.Fatalf("answered %s, sent %d", response.Body, len(h.queue.sent))
	}
	sent := h.queue.sent[0]
	m, err := message.Decode(sent.Body)
	want := message.PaymentAuthorized{
		OrderID: order, ConcertID: "nocturne-2030", Group: "parkett-left", EventID: "evt_1", PaymentIntentID: "pi_1",
		Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Mode: message.ModeTest,
	}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("sent %+v, %v", m, err)
	}
	if sent.Queue != message.QueueAuthorizations || sent.Route.Group != "nocturne-2030#parkett-left" || sent.Attributes.Trace != "Root=1-67891233-abcdef012345678912345678" {
		t.Errorf("sent to %+v with trace %q", sent.Route, sent.Attributes.Trace)
	}
	if written := h.out.String(); !strings.Contains(written, `"msg":"event enqueued","function":"stripe-webhook","eventId":"evt_1"`) {
		t.Errorf("not logged: %s", written)
	}
}

// An endpoint that receives events of the other mode is misconfigured: it must raise an alarm, and the event must have no effect.
func TestEventOfOtherModeIsAnAlarm(t *testing.T) {
	ofTest := event(stripeevent.TypeAuthorized, ours)
	for _, c := range []struct {
		mode  message.PaymentMode
		body  string
		of    string
		alarm bool
	}{
		{message.ModeTest, ofTest, "", false}, {message.ModeTest, live(ofTest), "live", true},
		{message.ModeLive, ofTest, "test", true}, {message.ModeLive, live(ofTest), "", false},
	} {
		h := newHookOf(t, c.mode)
		response := h.post(t, c.body, sign(c.body, 0))
		if response.StatusCode != 200 || (response.Body == `{"enqueued":false}`) != c.alarm || (len(h.queue.sent) == 0) != c.alarm {
			t.Errorf("%s: answered %d %s, sent %d", c.mode, response.StatusCode, response.Body, len(h.queue.sent))
		}
		out := h.out.String()
		logged := strings.Contains(out, `"level":"ERROR","msg":"event of the other payment mode","function":"stripe-webhook","eventId":"evt_1","mode":"`+c.of+`"`)
		if counted := strings.Contains(out, `"EventsOfOtherMode":1`); logged != c.alarm || counted != c.alarm {
			t.Errorf("%s: logged %v, counted %v: %s", c.mode, logged, counted, out)
		}
	}
}

// An event of a type that is not ours may have any form. If it states no mode, it is of no other mode.
func TestEventWithoutModeIsOfNoOtherMode(t *testing.T) {
	for body, alarm := range map[string]bool{
		`{"type":"v2.core.account.updated"}`:                     false,
		`{"type":"v2.core.account.updated","livemode":null}`:     false,
		`{"type":"v2.core.account.updated","livemode":{"is":1}}`: false,
		`{"type":"v2.core.account.updated","livemode":true}`:     false,
		`{"type":"v2.core.account.updated","livemode":false}`:    true,
	} {
		h := newHookOf(t, message.ModeLive)
		response := h.post(t, body, sign(body, 0))
		if response.StatusCode != 200 || response.Body != `{"enqueued":false}` || len(h.queue.sent) != 0 {
			t.Errorf("%s: answered %d %s, sent %d", body, response.StatusCode, response.Body, len(h.queue.sent))
		}
		if counted := strings.Contains(h.out.String(), `"EventsOfOtherMode":1`); counted != alarm {
			t.Errorf("%s: an alarm: %v", body, counted)
		}
	}
}

// Stripe sends an event again when it received no answer. Each copy is enqueued, under one deduplication id: SQS drops the
// repeat, and nothing is lost if only the first answer was.
func TestDuplicateIsEnqueuedUnderSameID(t *testing.T) {
	h := newHook(t)
	body := event(stripeevent.TypeAuthorized, ours)
	for _, age := range []time.Duration{time.Minute, 0} {
		if response := h.post(t, body, sign(body, age)); response.StatusCode != 200 {
			t.Fatalf("answered %d", response.StatusCode)
		}
	}
	if sent := h.queue.sent; len(sent) != 2 || !reflect.DeepEqual(sent[0], sent[1]) {
		t.Errorf("sent %+v", sent)
	}
}

func TestOtherAPIVersionIsLoggedOnce(t *testing.T) {
	h := newHook(t)
	warned := func() int { return strings.Count(h.out.String(), "another API version") }
	body := event(stripeevent.TypeAuthorized, ours)
	h.post(t, body, sign(body, 0))
	if warned() != 0 {
		t.Errorf("warned of its own version: %s", h.out.String())
	}
	h.post(t, thin, sign(thin, 0))
	if other := event("customer.created", `{}`); warned() != 0 {
		t.Errorf("warned of an event that says no version: %s", h.out.String())
	} else if other = strings.Replace(other, stripeevent.APIVersion, "2031-01-01", 1); h.post(t, other, sign(other, 0)).StatusCode != 200 || warned() != 0 {
		t.Errorf("warned of an event that is not read: %s", h.out.String())
	}
	body = strings.Replace(body, stripeevent.APIVersion, "2031-01-01", 1)
	for range 2 {
		h.post(t, body, sign(body, 0))
	}
	if warned() != 1 || !strings.Contains(h.out.String(), `"version":"2031-01-01"`) {
		t.Errorf("warned %d times: %s", warned(), h.out.String())
	}
}

// Whatever is signed: no panic, nothing enqueued that does not decode, and no 5xx while the queue takes messages.
func FuzzStripe(f *testing.F) {
	f.Add(event(stripeevent.TypeAuthorized, ours))
	f.Add(event(stripeevent.TypeDeclined, ours))
	f.Add(event(stripeevent.TypeCanceled, ours))
	f.Add(`{"id":"evt_1","object":"event","type":"payment_intent.canceled"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		h := newHook(t)
		response := h.post(t, body, sign(body, 0))
		if response.StatusCode != 200 && response.StatusCode != 400 && response.StatusCode != 413 {
			t.Errorf("answered %d %s", response.StatusCode, response.Body)
		}
		if enqueued := strings.Contains(response.Body, `"enqueued":true`); enqueued != (len(h.queue.sent) == 1) {
			t.Errorf("answered %s after %d messages", response.Body, len(h.queue.sent))
		}
		for _, m := range h.queue.sent {
			if _, err := message.Decode(m.Body); err != nil {
				t.Errorf("enqueued %s: %v", m.Body, err)
			}
		}
	})
}
