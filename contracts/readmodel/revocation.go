package readmodel

import (
	"strconv"

	"boxoffice/contracts"
)

// Revocation is a row of the table revocations: codes of tickets that one version of an order made invalid. It is written in the
// transaction that writes that version, and never changes, so the rows of a concert are the complete list of its revoked codes.
// Gates get that list, so a row must stay until its concert is over.
type Revocation struct {
	ConcertID string `dynamodbav:"concertId"`
	// OrderVersion is RevocationKey.
	OrderVersion string `dynamodbav:"orderVersion"`
	// Codes has the codes one behind another, 10 bytes each.
	Codes []byte `dynamodbav:"codes"`
}

// RevocationKey returns "orderId#version": the version of the order with which the codes became invalid.
func RevocationKey(id contracts.OrderID, version int) string {
	return string(id) + "#" + strconv.Itoa(version)
}
