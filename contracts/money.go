package contracts

// Money is an amount in minor units (cents) of an ISO 4217 currency. It is always an integer; no float ever holds money.
type Money struct {
	Minor    int64  `json:"minor" dynamodbav:"minor"`
	Currency string `json:"currency" dynamodbav:"currency"`
}
