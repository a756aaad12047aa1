package ticketcode

import (
	"errors"
	"strings"
)

// alphabet is that of base45 (RFC 9285): the characters of a QR code's alphanumeric mode.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

var errBase45 = errors.New("the text is not base45")

// encodeBase45 encodes an even number of bytes: each pair becomes three characters, the least significant first.
func encodeBase45(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) / 2 * 3)
	for i := 0; i+1 < len(b); i += 2 {
		n := int(b[i])<<8 | int(b[i+1])
		s.WriteByte(alphabet[n%45])
		s.WriteByte(alphabet[n/45%45])
		s.WriteByte(alphabet[n/(45*45)])
	}
	return s.String()
}

// decodeBase45 is the inverse of encodeBase45. It refuses every text that encodeBase45 cannot return.
func decodeBase45(s string) ([]byte, error) {
	if len(s)%3 != 0 {
		return nil, errBase45
	}
	b := make([]byte, 0, len(s)/3*2)
	for i := 0; i < len(s); i += 3 {
		c, d, e := strings.IndexByte(alphabet, s[i]), strings.IndexByte(alphabet, s[i+1]), strings.IndexByte(alphabet, s[i+2])
		n := c + d*45 + e*45*45
		if c < 0 || d < 0 || e < 0 || n > 0xFFFF {
			return nil, errBase45
		}
		b = append(b, byte(n>>8), byte(n)) //nolint:gosec // G115: n has two bytes
	}
	return b, nil
}
