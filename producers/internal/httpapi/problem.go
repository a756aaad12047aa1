package httpapi

import (
	"errors"
	"net/http"
	"time"

	"boxoffice/contracts/seating"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/pace"
)

// Problem is the body of every error answer: RFC 9457 with a stable code. It is an error. Members that do not apply are omitted.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Code     string `json:"code"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	// Pointer is an RFC 6901 pointer to the place in the body that is wrong.
	Pointer *string `json:"pointer,omitempty"`
	// Seats are the seats that the error is about.
	Seats []string `json:"seats,omitempty"`
	// Suggestions are seats that the buyer could have instead.
	Suggestions []seating.Suggestion `json:"suggestions,omitempty"`
	// PollAfterMs is sent with Retry-After, for every 503 and for any error that another try may soon avoid. In milliseconds.
	PollAfterMs *int `json:"pollAfterMs,omitempty"`

	// allow is the header Allow of a 405.
	allow string
	// retryIn is the wait of a 429, which may be too long for pollAfterMs.
	retryIn time.Duration
	// cookies are the values of Set-Cookie.
	cookies []string
	// cause is the error behind an internal problem, for the log alone.
	cause error
}

// Codes that are no rule of admission.
const (
	CodeNotFound              = "not_found"
	CodeMethodNotAllowed      = "method_not_allowed"
	CodeUnauthorized          = "unauthorized"
	CodeForbidden             = "forbidden"
	CodeBodyTooLarge          = "body_too_large"
	CodeUnsupportedMediaType  = "unsupported_media_type"
	CodeInvalidJSON           = "invalid_json"
	CodeInvalidRequest        = "invalid_request"
	CodeIdempotencyKeyMissing = "idempotency_key_missing"
	CodeIdempotencyKeyInvalid = "idempotency_key_invalid"
	CodeIdempotencyMismatch   = "idempotency_mismatch"
	CodeConcertNotFound       = "concert_not_found"
	CodeLayoutNotFound        = "layout_not_found"
	CodeOrderNotFound         = "order_not_found"
	CodeSeatTaken             = "seat_taken"
	CodeInvalidLimit          = "invalid_limit"
	CodeInvalidCursor         = "invalid_cursor"
	CodeInvalidFilter         = "invalid_filter"
	CodeUnavailable           = "unavailable"
	CodeSoldOut               = "sold_out"
	CodeLimitReached          = "limit_reached"
	CodeOrderNotDecided       = "order_not_decided"
	CodeOrderPaid             = "order_paid"
	CodeOrderNotConfirmed     = "order_not_confirmed"
	CodeInvalidSignature      = "invalid_signature"
	CodeStaleSignature        = "stale_signature"
	CodeInvalidPayload        = "invalid_payload"
	CodeInternal              = "internal"
)

// Codes of accounts.
const (
	CodeTooManyRequests    = "too_many_requests"
	CodeEmailTaken         = "email_taken"
	CodeInvalidEmail       = "invalid_email"
	CodeInvalidName        = "invalid_name"
	CodeWeakPassword       = "weak_password"
	CodeInvalidCredentials = "invalid_credentials" //nolint:gosec // G101: a code
	CodeSessionEnded       = "session_ended"
	CodeLinkExpired        = "link_expired"
)

// kinds is the one table of codes. An unknown code is a mistake of ours and has status 500.
var kinds = map[string]struct {
	status int
	title  string
}{
	CodeNotFound:              {http.StatusNotFound, "No such route"},
	CodeMethodNotAllowed:      {http.StatusMethodNotAllowed, "Method not allowed"},
	CodeForbidden:             {http.StatusForbidden, "Forbidden"},
	CodeUnauthorized:          {http.StatusUnauthorized, "Not signed in"},
	CodeBodyTooLarge:          {http.StatusRequestEntityTooLarge, "Body too large"},
	CodeUnsupportedMediaType:  {http.StatusUnsupportedMediaType, "Unsupported media type"},
	CodeInvalidJSON:           {http.StatusBadRequest, "Invalid JSON"},
	CodeInvalidRequest:        {http.StatusBadRequest, "Invalid request"},
	CodeIdempotencyKeyMissing: {http.StatusBadRequest, "Idempotency-Key missing"},
	CodeIdempotencyKeyInvalid: {http.StatusBadRequest, "Idempotency-Key invalid"},
	CodeIdempotencyMismatch:   {http.StatusUnprocessableEntity, "Idempotency-Key used for another order"},
	CodeConcertNotFound:       {http.StatusNotFound, "No such concert"},
	CodeLayoutNotFound:        {http.StatusNotFound, "No such layout"},
	CodeOrderNotFound:         {http.StatusNotFound, "No such order"},
	CodeSeatTaken:             {http.StatusConflict, "Seat taken"},
	CodeInvalidLimit:          {http.StatusBadRequest, "Invalid limit"},
	CodeInvalidCursor:         {http.StatusBadRequest, "Invalid cursor"},
	CodeInvalidFilter:         {http.StatusBadRequest, "Invalid filter"},
	CodeUnavailable:           {http.StatusServiceUnavailable, "Temporarily unavailable"},
	CodeSoldOut:               {http.StatusConflict, "Sold out"},
	CodeLimitReached:          {http.StatusConflict, "Limit per buyer reached"},
	CodeOrderNotDecided:       {http.StatusConflict, "Order not decided yet"},
	CodeOrderPaid:             {http.StatusConflict, "Order is paid"},
	CodeOrderNotConfirmed:     {http.StatusConflict, "Order has no tickets"},
	CodeInvalidSignature:      {http.StatusBadRequest, "Invalid signature"},
	CodeStaleSignature:        {http.StatusBadRequest, "Stale signature"},
	CodeInvalidPayload:        {http.StatusBadRequest, "Invalid payload"},
	CodeInternal:              {http.StatusInternalServerError, "Internal error"},

	CodeTooManyRequests:    {http.StatusTooManyRequests, "Too many requests"},
	CodeEmailTaken:         {http.StatusConflict, "Address taken"},
	CodeInvalidEmail:       {http.StatusUnprocessableEntity, "Invalid mail address"},
	CodeInvalidName:        {http.StatusUnprocessableEntity, "Invalid name"},
	CodeWeakPassword:       {http.StatusUnprocessableEntity, "Weak password"},
	CodeInvalidCredentials: {http.StatusUnauthorized, "Wrong address or password"},
	CodeSessionEnded:       {http.StatusUnauthorized, "Session ended"},
	CodeLinkExpired:        {http.StatusGone, "Link expired"},

	admission.CodeSaleNotOpen:        {http.StatusUnprocessableEntity, "Sale not open"},
	admission.CodeSaleOver:           {http.StatusUnprocessableEntity, "Sale over"},
	admission.CodeCancelled:          {http.StatusUnprocessableEntity, "Concert cancelled"},
	admission.CodeNoSeats:            {http.StatusUnprocessableEntity, "No seats"},
	admission.CodeTooManySeats:       {http.StatusUnprocessableEntity, "Too many seats"},
	admission.CodeDuplicateSeat:      {http.StatusUnprocessableEntity, "Seat asked for twice"},
	admission.CodeUnknownSeat:        {http.StatusUnprocessableEntity, "Unknown seat"},
	admission.CodeUnknownSection:     {http.StatusUnprocessableEntity, "Unknown section"},
	admission.CodeSeatsSpanGroups:    {http.StatusUnprocessableEntity, "Seats of several groups"},
	admission.CodeAccessibleReserved: {http.StatusUnprocessableEntity, "Accessible places are reserved"},
	admission.CodeSingleSeatLeft:     {http.StatusUnprocessableEntity, "A single seat would be left"},
	admission.CodeQueueFull:          {http.StatusServiceUnavailable, "Too many orders are waiting"},
	admission.CodePaymentBusy:        {http.StatusServiceUnavailable, "Payments are behind"},
}

// NewProblem returns the problem of a code. detail is shown to a person.
func NewProblem(code, detail string) *Problem {
	kind, known := kinds[code]
	if !known {
		kind = kinds[CodeInternal]
	}
	return &Problem{Type: "about:blank", Title: kind.title, Status: kind.status, Code: code, Detail: detail}
}

// Codes returns every code that a problem may have, in no order.
func Codes() []string {
	codes := make([]string, 0, len(kinds))
	for code := range kinds {
		codes = append(codes, code)
	}
	return codes
}

// ProblemOf returns the problem that answers an error: a *Problem as it is, a refusal of admission by its code, any other error
// as the internal problem, which shows nothing of the cause. err must not be nil.
func ProblemOf(err error) *Problem {
	var problem *Problem
	var refusal *admission.Refusal
	switch {
	case errors.As(err, &problem):
		return problem
	case !errors.As(err, &refusal):
		problem = internal()
		problem.cause = err
		return problem
	}
	problem = NewProblem(refusal.Code, refusal.Detail).About(refusal.Seats).Near(refusal.Suggestions)
	if refusal.RetryAfter > 0 {
		problem = problem.After(pace.Ms(refusal.RetryAfter))
	}
	return problem
}

func internal() *Problem { return NewProblem(CodeInternal, "The request could not be processed.") }

// After sets Retry-After and pollAfterMs, in milliseconds. A 503 without it has 1 s.
func (p *Problem) After(ms int) *Problem {
	p.PollAfterMs = &ms
	return p
}

// At sets the place in the body, an RFC 6901 pointer.
func (p *Problem) At(pointer string) *Problem {
	p.Pointer = &pointer
	return p
}

// RetryIn sets Retry-After alone, for a wait that is longer than any of pollAfterMs.
func (p *Problem) RetryIn(d time.Duration) *Problem {
	p.retryIn = d
	return p
}

// WithCookie adds a header Set-Cookie with this value.
func (p *Problem) WithCookie(cookie string) *Problem {
	p.cookies = append(p.cookies, cookie)
	return p
}

// About sets the seats that the problem is about.
func (p *Problem) About(seats []string) *Problem {
	p.Seats = seats
	return p
}

// Near sets the seats that the buyer could have instead.
func (p *Problem) Near(suggestions []seating.Suggestion) *Problem {
	p.Suggestions = suggestions
	return p
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// Cause returns the error behind an internal problem, for the log alone; nil if there is none.
func (p *Problem) Cause() error { return p.cause }
