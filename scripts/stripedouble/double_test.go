package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"
)

// receiver is a webhook endpoint that refuses the first events with a 500.
type receiver struct {
	t      *testing.T
	secret string

	mu      sync.Mutex
	refuse  int
	events  []stripe.Event
	invalid []error
}

func (a account) receiver(t *testing.T, refuse int) *receiver {
	t.Helper()
	r := &receiver{t: t, refuse: refuse}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	e, err := a.WebhookEndpoints.New(&stripe.WebhookEndpointParams{
		URL: stripe.String(s.URL), EnabledEvents: stripe.StringSlice([]string{"*"}), APIVersion: stripe.String(stripe.APIVersion),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.secret = e.Secret
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse > 0 {
		r.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	e, err := webhook.ConstructEvent(body, request.Header.Get("Stripe-Signature"), r.secret)
	if err != nil {
		r.invalid = append(r.invalid, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.events = append(r.events, e)
}

// kinds returns the types of the received PaymentIntent events, in order, without the prefix.
func (r *receiver) kinds() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []string
	for _, e := range r.events {
		if kind, ok := strings.CutPrefix(string(e.Type), "payment_intent."); ok {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (r *receiver) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: received %v, invalid %v", what, r.kinds(), r.invalid)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (r *receiver) count(kind string) (n int) {
	for _, k := range r.kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

func TestEventsAreSignedAndRetried(t *testing.T) {
	a := newDouble(t)
	r := a.receiver(t, 3)
	i := a.authorized(t)
	if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
		t.Fatal(err)
	}
	r.eventually(t, "after three refusals", func() bool {
		kinds := r.kinds()
		slices.Sort(kinds)
		return slices.Equal(kinds, []string{"amount_capturable_updated", "created", "succeeded"})
	})
	if len(r.invalid) > 0 {
		t.Errorf("stripe-go does not accept them: %v", r.invalid)
	}
}

func TestDeliverySettingsApply(t *testing.T) {
	a := newDouble(t)
	r := a.receiver(t, 0)
	const kind = "amount_capturable_updated"
	of := `"types":["payment_intent.` + kind + `"]`

	a.post(t, "/double/deliveries", `{`+of+`,"copies":4}`)
	a.authorized(t)
	r.eventually(t, "five times", func() bool { return r.count(kind) == 5 })

	a.post(t, "/double/deliveries", `{`+of+`,"drop":true}`)
	lost := a.authorized(t)
	r.eventually(t, "only the dropped event is not delivered", func() bool {
		list := a.Events.List(&stripe.EventListParams{DeliverySuccess: stripe.Bool(false)})
		var left []string
		for list.Next() {
			left = append(left, list.Event().GetObjectValue("id")+" "+string(list.Event().Type))
		}
		return list.Err() == nil && slices.Equal(left, []string{lost.ID + " payment_intent." + kind})
	})

	for _, signature := range []string{"bad", "stale"} {
		a.post(t, "/double/deliveries", `{`+of+`,"signature":"`+signature+`"}`)
		before := r.rejected()
		a.authorized(t)
		r.eventually(t, signature, func() bool { return r.rejected() > before })
	}
	a.post(t, "/double/deliveries", `{`+of+`,"apiVersion":"2017-08-15"}`)
	before := r.rejected()
	a.authorized(t)
	r.eventually(t, "of another version", func() bool { return r.rejected() > before })

	a.post(t, "/double/deliveries", `{"hold":true}`)
	came := len(r.kinds())
	i := a.authorized(t)
	if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
		t.Fatal(err)
	}
	a.post(t, "/double/deliveries/release", `{"order":"reverse"}`)
	if got := r.kinds()[came:]; !slices.Equal(got, []string{"succeeded", kind, "created"}) {
		t.Errorf("in reverse order: %v", got)
	}
	if r.count(kind) != 6 {
		t.Errorf("received %d of %s", r.count(kind), kind)
	}
}

// The list of undelivered events continues after an event that has been delivered since.
func TestEventListContinuesAfterADeliveredEvent(t *testing.T) {
	a := newDouble(t)
	a.receiver(t, 0)
	a.post(t, "/double/deliveries", `{"hold":true,"types":["payment_intent.amount_capturable_updated"]}`)
	older := a.authorized(t)
	a.authorized(t)
	page := func(after *string) (ids []string) {
		t.Helper()
		p := &stripe.EventListParams{DeliverySuccess: stripe.Bool(false), Types: stripe.StringSlice([]string{"payment_intent.amount_capturable_updated"})}
		p.Limit, p.Single, p.StartingAfter = stripe.Int64(1), true, after
		list := a.Events.List(p)
		for list.Next() {
			ids = append(ids, list.Event().ID)
			if after != nil && list.Event().GetObjectValue("id") != older.ID {
				t.Errorf("after it comes %s", list.Event().GetObjectValue("id"))
			}
		}
		if list.Err() != nil {
			t.Fatal(list.Err())
		}
		return ids
	}
	first := page(nil)
	if len(first) != 1 || len(page(&first[0])) != 1 {
		t.Fatalf("pages begin with %v", first)
	}
	a.post(t, "/double/deliveries/release", `{}`)
	if rest := page(&first[0]); len(rest) != 0 {
		t.Errorf("after a delivered event: %v", rest)
	}
}

func (r *receiver) rejected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.invalid)
}

// A publishable key reads no more here than at Stripe.
func TestPublishableKeyMayOnlyConfirmAndRead(t *testing.T) {
	a := newDouble(t)
	i := a.created(t)
	browser := func(method, path string, form url.Values) (int, map[string]any) {
		t.Helper()
		form.Set("key", publishableKey)
		target, body := a.base+path, strings.NewReader("")
		if method == http.MethodGet {
			target += "?" + form.Encode()
		} else {
			body = strings.NewReader(form.Encode())
		}
		request, err := http.NewRequestWithContext(t.Context(), method, target, body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var document map[string]any
		if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, document
	}
	for _, path := range []string{"/v1/payment_intents", "/v1/payment_intents/" + i.ID + "/capture", "/v1/payment_intents/" + i.ID + "/cancel", "/v1/refunds"} {
		if status, document := browser(http.MethodPost, path, url.Values{}); status != http.StatusUnauthorized {
			t.Errorf("POST %s: %d %v", path, status, document)
		}
	}
	confirm := "/v1/payment_intents/" + i.ID + "/confirm"
	if status, _ := browser(http.MethodPost, confirm, url.Values{"payment_method": {"pm_card_visa"}, "client_secret": {"wrong"}}); status != http.StatusBadRequest {
		t.Errorf("with a wrong secret: %d", status)
	}
	if status, document := browser(http.MethodPost, confirm, url.Values{"payment_method": {"pm_card_visa_chargeDeclined"}, "client_secret": {i.ClientSecret}}); status != http.StatusPaymentRequired || strings.Contains(mustJSON(t, document), "orderId") {
		t.Errorf("declined: %d %v", status, document)
	}
	status, document := browser(http.MethodPost, confirm, url.Values{
		"payment_method_data[type]": {"card"}, "payment_method_data[card][number]": {"4242424242424242"}, "client_secret": {i.ClientSecret},
	})
	if status != http.StatusOK || document["status"] != "requires_capture" {
		t.Errorf("confirmed: %d %v", status, document)
	}
	onlyForBrowsers(t, "confirmed", document)
	status, document = browser(http.MethodPost, confirm, url.Values{"payment_method": {"pm_card_visa"}, "client_secret": {i.ClientSecret}})
	if refused, ok := document["error"].(map[string]any); status != http.StatusBadRequest || !ok {
		t.Errorf("confirmed twice: %d %v", status, document)
	} else if inside, ok := refused["payment_intent"].(map[string]any); !ok {
		t.Errorf("confirmed twice: %v", document)
	} else {
		onlyForBrowsers(t, "confirmed twice", inside)
	}
	if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
		t.Fatal(err)
	}
	read := "/v1/payment_intents/" + i.ID
	status, document = browser(http.MethodGet, read, url.Values{"client_secret": {i.ClientSecret}})
	if status != http.StatusOK || document["status"] != "succeeded" || document["amount"] != 4200.0 || document["client_secret"] != i.ClientSecret {
		t.Errorf("read: %d %v", status, document)
	}
	onlyForBrowsers(t, "read", document)
	for secret, code := range map[string]string{"": "parameter_missing", "wrong": "payment_intent_invalid_parameter", i.ClientSecret + "x": "payment_intent_invalid_parameter"} {
		form := url.Values{}
		if secret != "" {
			form.Set("client_secret", secret)
		}
		status, document := browser(http.MethodGet, read, form)
		refused, _ := document["error"].(map[string]any)
		if status != http.StatusBadRequest || refused["code"] != code || refused["param"] != "client_secret" || strings.Contains(mustJSON(t, document), i.ClientSecret) {
			t.Errorf("read with the secret %q: %d %v", secret, status, document)
		}
	}
	if status, document := browser(http.MethodGet, read, url.Values{"client_secret": {i.ClientSecret}, "expand[]": {"latest_charge"}}); status == http.StatusOK {
		onlyForBrowsers(t, "expanded", document)
	}
}

// onlyForBrowsers fails the test unless a PaymentIntent has exactly the members that a publishable key may retrieve.
func onlyForBrowsers(t *testing.T, name string, intent map[string]any) {
	t.Helper()
	seen := []string{
		"id", "object", "amount", "canceled_at", "cancellation_reason", "capture_method", "client_secret", "confirmation_method", "created", "currency",
		"description", "last_payment_error", "livemode", "next_action", "payment_method", "payment_method_types", "status",
	}
	for _, member := range seen {
		if _, there := intent[member]; !there {
			t.Errorf("%s: no %s in %v", name, member, intent)
		}
	}
	for member := range intent {
		if !slices.Contains(seen, member) {
			t.Errorf("%s: a publishable key reads %s: %v", name, member, intent[member])
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestChallengeIsApprovedOrRefused(t *testing.T) {
	a := newDouble(t)
	for outcome, want := range map[string]stripe.PaymentIntentStatus{"succeed": "requires_capture", "fail": "requires_payment_method"} {
		i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_threeDSecure2Required")})
		if err != nil {
			t.Fatal(err)
		}
		page, err := http.Get(i.NextAction.RedirectToURL.URL)
		if err != nil || page.StatusCode != http.StatusOK || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("the page: %v, %v", page, err)
		}
		_ = page.Body.Close()
		answer, err := http.PostForm(i.NextAction.RedirectToURL.URL, url.Values{"outcome": {outcome}})
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", answer, err)
		}
		_ = answer.Body.Close()
		i, err = a.PaymentIntents.Get(i.ID, nil)
		if err != nil || i.Status != want {
			t.Errorf("%s: %s, %v", outcome, i.Status, err)
		}
		if outcome == "fail" && i.LastPaymentError.Code != "payment_intent_authentication_failure" {
			t.Errorf("failed with %+v", i.LastPaymentError)
		}
	}
}

func TestFaults(t *testing.T) {
	a := newDouble(t)
	keyed := func(key string) (*stripe.PaymentIntent, error) {
		p := params()
		p.Metadata = map[string]string{"orderId": "order-1"}
		p.SetIdempotencyKey(key)
		return a.PaymentIntents.New(p)
	}
	made := func() int { return len(a.journal(t, "created")) }

	a.post(t, "/double/faults", `{"method":"POST","path":"/v1/payment_intents$","kind":"error","status":500,"times":1}`)
	for range 2 {
		_, err := keyed("fails")
		wantProblem(t, err, http.StatusInternalServerError, stripe.ErrorTypeAPI, "")
	}
	if made() != 0 {
		t.Error("the failed request had an effect")
	}
	if _, err := keyed("another"); err != nil {
		t.Errorf("another key: %v", err)
	}

	a.post(t, "/double/faults", `{"path":"/v1/payment_intents$","kind":"error","status":502,"effect":true,"times":1}`)
	before := made()
	_, err := keyed("effect")
	wantProblem(t, err, http.StatusBadGateway, stripe.ErrorTypeAPI, "")
	if made() != before+1 {
		t.Error("the effect is missing")
	}

	a.post(t, "/double/faults", `{"path":"/v1/payment_intents$","kind":"error","status":502,"page":true,"times":1}`)
	for _, replayed := range []string{"", "true"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.base+"/v1/payment_intents", strings.NewReader("amount=4200&currency=eur"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Idempotency-Key", "page")
		request.Header.Set("Authorization", "Bearer "+secretKey)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusBadGateway || !strings.HasPrefix(string(body), "<html>") ||
			response.Header.Get("Content-Type") != "text/html" || response.Header.Get("Idempotent-Replayed") != replayed {
			t.Errorf("the page response is %d %v %.60s, %v", response.StatusCode, response.Header, body, err)
		}
	}

	a.post(t, "/double/faults", `{"path":"/v1/payment_intents$","order":"order-1","kind":"lost","times":1}`)
	var e *stripe.Error
	if _, err := keyed("lost"); err == nil || errors.As(err, &e) {
		t.Fatalf("a lost response is %v", err)
	}
	i, err := keyed("lost")
	if err != nil || i.LastResponse.Header.Get("Idempotent-Replayed") != "true" || made() != before+2 {
		t.Errorf("again: %v, %v, %d made", i, err, made())
	}

	a.post(t, "/double/faults", `{"path":"/v1/","kind":"error","status":429,"times":1}`)
	_, err = keyed("limited")
	wantProblem(t, err, http.StatusTooManyRequests, stripe.ErrorTypeInvalidRequest, "rate_limit")
	if _, err := keyed("limited"); err != nil {
		t.Errorf("after the limit: %v", err)
	}
}

// journal returns the order ids of the journal's effects of one kind.
func (a account) journal(t *testing.T, kind string) (orders []string) {
	t.Helper()
	response, err := http.Get(a.base + "/double/journal")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var j struct {
		Effects []struct {
			Kind     string
			Metadata map[string]string
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&j); err != nil {
		t.Fatal(err)
	}
	for _, e := range j.Effects {
		if e.Kind == kind {
			orders = append(orders, e.Metadata["orderId"])
		}
	}
	return orders
}

// A second request under a key, while the first is running, gets a conflict; only one PaymentIntent is created.
func TestKeyInUseIsRefused(t *testing.T) {
	a := newDouble(t)
	a.post(t, "/double/faults", `{"path":"/v1/payment_intents$","kind":"latency","delayMs":20000,"times":2}`)
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			p := params()
			p.Metadata = map[string]string{"orderId": "order-1"}
			p.SetIdempotencyKey("one")
			_, err := a.PaymentIntents.New(p)
			answers <- err
		}()
	}
	first, second := <-answers, <-answers
	// Both wait before they read the key; the second one then finds it saved, or in use.
	for _, err := range []error{first, second} {
		var e *stripe.Error
		if err != nil && (!errors.As(err, &e) || e.HTTPStatusCode != http.StatusConflict) {
			t.Errorf("response %v", err)
		}
	}
	if made := a.journal(t, "created"); len(made) != 1 {
		t.Errorf("created %v", made)
	}
}

func TestAuthorizationExpires(t *testing.T) {
	a := newDouble(t)
	i := a.authorized(t)
	a.post(t, "/double/advance", `{"seconds":604799}`)
	if i, err := a.PaymentIntents.Get(i.ID, nil); err != nil || i.Status != "requires_capture" {
		t.Errorf("a second before: %v, %v", i.Status, err)
	}
	a.post(t, "/double/advance", `{"seconds":1}`)
	i, err := a.PaymentIntents.Get(i.ID, nil)
	if err != nil || i.Status != "canceled" || i.CancellationReason != "automatic" {
		t.Errorf("after 7 days: %+v, %v", i, err)
	}
	_, err = a.PaymentIntents.Capture(i.ID, nil)
	wantUnexpectedState(t, err)
}

func TestAuthorizationLosesItsMethod(t *testing.T) {
	a := newDouble(t)
	i := a.authorized(t)
	a.post(t, "/double/payment_intents/"+i.ID+"/lose", "")
	i, err := a.PaymentIntents.Get(i.ID, nil)
	if err != nil || i.Status != "requires_payment_method" || i.AmountCapturable != 0 {
		t.Errorf("%+v, %v", i, err)
	}
	_, err = a.PaymentIntents.Capture(i.ID, nil)
	wantUnexpectedState(t, err)
}

// A captured payment can be disputed once, long after its capture; an uncaptured one cannot.
func TestCapturedPaymentIsDisputedOnce(t *testing.T) {
	a := newDouble(t)
	r := a.receiver(t, 0)
	i := a.authorized(t)
	dispute := a.base + "/double/payment_intents/" + i.ID + "/dispute"
	answer, err := http.Post(dispute, "", nil)
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Fatalf("before its capture: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.post(t, "/double/payment_intents/"+i.ID+"/dispute", "")
	}
	r.eventually(t, "one dispute is reported", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		disputes := 0
		for _, e := range r.events {
			if e.Type == "charge.dispute.created" && e.GetObjectValue("payment_intent") == i.ID && e.GetObjectValue("object") == "dispute" {
				disputes++
			}
		}
		return disputes == 1
	})
	if got := a.journal(t, "disputed"); len(got) != 1 {
		t.Errorf("journal %v", got)
	}
}

func TestRefundFailsLater(t *testing.T) {
	a := newDouble(t)
	r := a.receiver(t, 0)
	i, err := a.PaymentIntents.Confirm(a.created(t).ID, &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_refundFail")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.PaymentIntents.Capture(i.ID, nil); err != nil {
		t.Fatal(err)
	}
	refund, err := a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
	if err != nil || refund.Status != "succeeded" {
		t.Fatalf("%+v, %v", refund, err)
	}
	a.post(t, "/double/refunds/"+refund.ID+"/settle", "")
	refund, err = a.Refunds.Get(refund.ID, nil)
	if err != nil || refund.Status != "failed" || refund.FailureReason == "" {
		t.Errorf("%+v, %v", refund, err)
	}
	r.eventually(t, "the failure is reported", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.ContainsFunc(r.events, func(e stripe.Event) bool { return e.Type == "charge.refund.updated" })
	})
	if again, err := a.Refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)}); err != nil || again.Amount != 4200 {
		t.Errorf("the money can be refunded again: %+v, %v", again, err)
	}
}

func TestRunReportsWrongUsage(t *testing.T) {
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"--help"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "--secret-key") {
		t.Errorf("--help: %d %s", code, out.String())
	}
	errs.Reset()
	if code := run(t.Context(), []string{"--secret-key", "sk_live_c4n4ry", "--publishable-key", "pk_live_c4n4ry"}, &out, &errs); code != 2 ||
		!strings.Contains(errs.String(), "--secret-key: the key is of mode live") || !strings.Contains(errs.String(), "--publishable-key: ") || strings.Contains(errs.String(), "c4n4ry") {
		t.Errorf("live keys: code %d: %s", code, &errs)
	}
	if code := run(t.Context(), []string{"--no-such-flag"}, &out, &errs); code != 2 {
		t.Errorf("a wrong flag: %d", code)
	}
}
