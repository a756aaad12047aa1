package contracts

import (
	"fmt"
	"strings"
)

// OrderID is made and verified by the producers (producers/internal/orderid) and opaque to all others. It is a letter for
// the home Region, a character for the secret's version, 23 characters of the HMAC and 7 of the tag that binds it to its buyer.
type OrderID string

// OrderIDLength is the number of characters of every order id.
const OrderIDLength = 1 + 1 + 23 + 7

// OrderIDAlphabet is Crockford's base 32 in lower case: it has no i, l, o or u, so that an id can be read aloud.
const OrderIDAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// ParseOrderID checks the form of an id. It does not verify that the id belongs to an order: only the producers can.
func ParseOrderID(s string) (OrderID, error) {
	if len(s) != OrderIDLength {
		return "", fmt.Errorf("order id has %d characters, want %d", len(s), OrderIDLength)
	}
	if s[0] < 'a' || s[0] > 'z' {
		return "", fmt.Errorf("order id does not begin with a Region letter")
	}
	for i := 1; i < len(s); i++ {
		if strings.IndexByte(OrderIDAlphabet, s[i]) < 0 {
			return "", fmt.Errorf("order id has a character outside its alphabet at %d", i)
		}
	}
	return OrderID(s), nil
}
