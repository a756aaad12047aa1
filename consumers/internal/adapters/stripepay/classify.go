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

// Codes of calls that Stripe gave none for.
const (
	codeNoAnswer   = "no_answer"
	codeUnreadable = "unreadable"
	codeNotCalled  = "not_called"
)

// refusals say that a PaymentIntent is not in a status that allows the call: in so many words, or by what became of its
// authorisation.
var refusals = []stripe.ErrorCode{
	"payment_intent_unexpected_state", stripe.ErrorCodeCaptureChargeAuthorizationExpired, stripe.ErrorCodeChargeExpiredForCapture,
	stripe.ErrorCodeCaptureUnauthorizedPayment, stripe.ErrorCodeChargeAlreadyCaptured,
}

// failureOf is the one table of what an answer of Stripe's means. The first row that fits counts.
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
		// 5xx, 429, 409 (the key or the object is in use), and what an operator mends: 401 and 403 of a key, 404 of an address.
		return pay.FailureUnknown
	}
}

// answer is an error of Stripe's without what may be secret: not its text, nor the objects that it carries.
type answer struct {
	status               int
	kind, param, request string
	replayed             bool
}

// Error implements error.
func (a *answer) Error() string {
	return fmt.Sprintf("%d %s, parameter %q, request %s", a.status, a.kind, a.param, a.request)
}

// problemOf makes a *pay.ProviderError of what a call ended with and what the head of its answer said; nil stays nil.
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
		// A url.Error has method, address and cause. No address of ours has a secret in it.
		return &pay.ProviderError{Code: codeNoAnswer, Err: err}
	default:
		// What the library could not read it quotes, and that may have a client secret in it.
		return &pay.ProviderError{Code: codeUnreadable, Err: errUnreadable}
	}
}

var errUnreadable = errors.New("the answer cannot be read")

// codeOf is Stripe's code, of a card that was refused the bank's.
func codeOf(e *stripe.Error) string {
	for _, code := range []string{string(e.DeclineCode), string(e.Code), string(e.Type)} {
		if code != "" {
			return code
		}
	}
	return "error"
}

// Healthy says, for a breaker, whether Stripe served: nil, a no, and an old failure that a key repeats. 429 is an answer
// too; what it asks for is a slower pace, which the bucket in front of the calls keeps. A 5xx, no answer in time and a key
// that is not taken are not.
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
