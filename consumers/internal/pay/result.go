package pay

import "boxoffice/consumers/internal/retry"

// codeTooMany is Stripe's code of a call above the rate limit.
const codeTooMany = "rate_limit"

// CallResult returns the result under which the call is counted. Steps act by Failure and not by this.
func (e *ProviderError) CallResult() retry.Result {
	switch {
	case e.Failure == FailureState, e.Failure == FailureDeclined:
		return retry.ResultRefused
	case e.Failure == FailureBug:
		return retry.ResultInvalid
	case e.Code == codeTooMany:
		return retry.ResultThrottled
	default:
		return retry.ResultUnknown
	}
}
