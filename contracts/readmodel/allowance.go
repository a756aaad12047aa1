package readmodel

// Allowance is the row that counts a buyer's seats for a concert: those of open orders and of tickets. It moves in the
// transaction of the order's row, so the limit per buyer holds across orders.
type Allowance struct {
	// BuyerConcert is AllowanceKey.
	BuyerConcert string `dynamodbav:"buyerConcert"`
	Seats        int    `dynamodbav:"seats"`
}

// AllowanceKey is "concertId#userId". The concert comes first, since its id has no "#".
func AllowanceKey(concertID, userID string) string { return concertID + "#" + userID }
