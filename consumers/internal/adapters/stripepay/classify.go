package stripepay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/stripe/stripe-go/v76"

	"boxoffice/consumers/internal/pay"
)

// Codes of calls for which Stripe returned no code.
const (
	codeNoAnswer   = "no_answer"
	codeUnreadable = "unreadable"
	codeNotCalled  = "not_called"
)

// refusals mean that the status of the PaymentIntent does not allow the call: directly, or because of what became of its
// authorisation.
var refusals = []stripe.ErrorCode{
	"payment_intent_unexpected_state", stripe.ErrorCodeCaptureChargeAuthorizationExpired, stripe.ErrorCodeChargeExpiredForCapture,
	stripe.ErrorCodeCaptureUnauthorizedPayment, stripe.ErrorCodeChargeAlreadyCaptured,
}

// failureOf is the one table that maps an error of Stripe to a failure. The first row that matches counts.
func failureOf(e *stripe.Error) pay.Failure {
	switch status := e.HTTPStatusCode; {
	case status >= http.StatusInternalServerError && e.LastResponse != nil && replayed(e.LastResponse.Header):
		return pay.FailureReplayed
	case slices.Contains(refusals, e.Code):
		return pay.FailureState
	case status == http.StatusPaymentRequired:
		return pay.FailureDeclined
	case status == http.StatusBadRequest, status == http.StatusNotFound && e.Code == stripe.ErrorCodeResourceMissing:
		return pay.FailureBug
	default:
		// 5xx, 429, 409 (the key or the object is in use), and what an operator must fix: 401 and 403 (the key), 404 (the
		// address).
		return pay.FailureUnknown
	}
}

// answer is an error of Stripe without anything that may be secret: neither its text nor the objects in it.
type answer struct {
	status               int
	kind, param, request string
	replayed             bool
}

// Error implements error.
func (a *answer) Error() string {
	return fmt.Sprintf("%d %s, parameter %q, request %s", a.status, a.kind, a.param, a.request)
}

// problemOf converts the error of a call, with the headers of the response, to a *pay.ProviderError. nil stays nil.
func problemOf(err error, head heading) error {
	var e *stripe.Error
	var broken *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		failure := failureOf(e)
		return &pay.ProviderError{Failure: failure, Code: codeOf(e), Err: &answer{
			status: e.HTTPStatusCode, kind: string(e.Type), param: e.Param, request: e.RequestID, replayed: failure == pay.FailureReplayed,
		}}
	case head.status >= http.StatusInternalServerError && head.replayed:
		return &pay.ProviderError{Failure: pay.FailureReplayed, Code: codeUnreadable, Err: &answer{
			status: head.status, kind: codeUnreadable, request: head.request, replayed: true,
		}}
	case errors.As(err, &broken), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// A url.Error has method, address and cause. Our addresses contain no secret.
		return &pay.ProviderError{Code: codeNoAnswer, Err: err}
	default:
		// The library quotes what it could not read, and that may contain a client secret.
		return &pay.ProviderError{Code: codeUnreadable, Err: errUnreadable}
	}
}

var errUnreadable = errors.New("the response cannot be read")

// codeOf returns Stripe's code; for a declined card, the bank's code.
func codeOf(e *stripe.Error) string {
	for _, code := range []string{string(e.DeclineCode), string(e.Code), string(e.Type)} {
		if code != "" {
			return code
		}
	}
	return "error"
}

// Healthy is the IsSuccessful of a breaker before Stripe. It reports whether Stripe served the call: nil, a refusal, and an
// old failure that Stripe repeats for an idempotency key. 429 counts as served: it asks for a lower rate, which the bucket
// before the calls enforces. A 5xx, no answer in time and a refused key do not count as served.
func Healthy(err error) bool {
	var a *answer
	switch {
	case err == nil:
		return true
	case !errors.As(err, &a):
		return false
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return false
	default:
		return a.status < http.StatusInternalServerError || a.replayed
	}
}
