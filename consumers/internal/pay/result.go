package pay

import "boxoffice/consumers/internal/retry"

// codeTooMany is Stripe's code of one call too many.
const codeTooMany = "rate_limit"

// CallResult says what the call came to, as it is counted. It decides nothing: Failure does.
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
