package readmodel

// Allowance is the row that counts a buyer's seats of a concert: those in open orders and those with tickets. It is written in
// the same transaction as the order's row, so the limit per buyer holds across orders.
type Allowance struct {
	// BuyerConcert is AllowanceKey.
	BuyerConcert string `dynamodbav:"buyerConcert"`
	Seats        int    `dynamodbav:"seats"`
}

// AllowanceKey returns "concertId#userId". The concert comes first because its id has no "#".
func AllowanceKey(concertID, userID string) string { return concertID + "#" + userID }
