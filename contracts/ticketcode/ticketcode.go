// Package ticketcode defines the text of a ticket's QR code and what a gate needs to check it offline: the public keys and the list
// of revoked codes.
//
// The text is base45 (RFC 9285) of 80 bytes, so it has 120 characters and fits the alphanumeric mode of a QR code:
//
//	byte  0       version, 1
//	byte  1       id of the key that signed
//	bytes 2, 3    index of the seat group in the groups of the concert's frozen layout, big-endian, from 0
//	bytes 4, 5    place: index of the seat in the seats of its group, big-endian, from 0
//	bytes 6-15    code: the first 10 bytes of SHA-256("boxoffice-ticket-code" 0x00 ticketId 0x00 keyNumber in decimal)
//	bytes 16-79   Ed25519 signature of "boxoffice-ticket" 0x00 concertId followed by bytes 0-15
//
// The concert is signed and not in the text, so a ticket of another concert has a wrong signature. testdata/tickets.v1.json has
// vectors for other implementations.
package ticketcode

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"boxoffice/contracts"
)

const (
	// Version is the version of the text that this package writes, and the only one that it reads.
	Version = 1
	// TextLength is the number of characters of every text.
	TextLength = (signedBytes + ed25519.SignatureSize) / 2 * 3

	signedBytes = 6 + codeBytes
	codeBytes   = 10
)

// prefix begins everything that a ticket's signature is over, so that no signature made for another purpose fits a ticket.
const prefix = "boxoffice-ticket\x00"

// Code identifies one issue of a ticket: another key number of the same ticket has another code. A revocation list has codes. A
// code is no secret: without a signature it opens no gate.
type Code [codeBytes]byte

// CodeOf returns the code of a ticket with a key number. The key number of a ticket is 0 until it is re-keyed.
func CodeOf(id contracts.TicketID, keyNumber int) Code {
	sum := sha256.Sum256([]byte("boxoffice-ticket-code\x00" + string(id) + "\x00" + strconv.Itoa(keyNumber)))
	return Code(sum[:codeBytes])
}

// codeText encodes codes in JSON.
var codeText = base64.RawURLEncoding.Strict()

// MarshalText encodes the code as 14 characters of base64url.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the code as 14 characters of base64url.
func (c Code) String() string { return codeText.EncodeToString(c[:]) }

// UnmarshalText is the inverse of MarshalText. It refuses any other text.
func (c *Code) UnmarshalText(text []byte) error {
	b, err := codeText.DecodeString(string(text))
	if err != nil || len(b) != codeBytes {
		return fmt.Errorf("code %q: not %d bytes in base64url", text, codeBytes)
	}
	*c = Code(b)
	return nil
}

// Seat says which seat of the frozen layout a ticket is for.
type Seat struct {
	// Group is the index of the seat group in the layout, Place the index of the seat in its group.
	Group, Place uint16
}

// SeatAt returns the Seat of two indexes, or an error if one does not fit its two bytes. No layout has so many groups, and no
// group so many seats; a cut index would name another seat.
func SeatAt(group, place int) (Seat, error) {
	if group < 0 || group > 0xFFFF || place < 0 || place > 0xFFFF {
		return Seat{}, fmt.Errorf("group %d or place %d of a ticket is out of range", group, place)
	}
	return Seat{Group: uint16(group), Place: uint16(place)}, nil
}

// Signed is what the text of a ticket says. It proves nothing before Verify has returned nil.
type Signed struct {
	KeyID byte
	Seat
	Code      Code
	signature [ed25519.SignatureSize]byte
}

// Encode returns the text of a ticket, signed for the concert. The text depends on nothing else than the arguments.
func (k Key) Encode(concertID string, seat Seat, code Code) string {
	s := Signed{KeyID: k.ID, Seat: seat, Code: code}
	body := s.body()
	return encodeBase45(append(body, ed25519.Sign(k.private(), message(concertID, body))...))
}

// ErrForged means that the signature is not of the key for the concert and the seat: the text is forged, or the ticket is of
// another concert.
var ErrForged = errors.New("the signature is wrong: forged, or of another concert")

// ErrUnreadable means that a text is no ticket's: it was cut, misread, or never was one.
var ErrUnreadable = errors.New("the text is no ticket")

// VersionError means that a text has a version that this package does not read.
type VersionError struct{ Version byte }

func (e VersionError) Error() string {
	return fmt.Sprintf("the ticket has version %d, which is not known here", e.Version)
}

// Decode reads a text. The error is ErrUnreadable or a VersionError.
func Decode(text string) (Signed, error) {
	if len(text) != TextLength {
		return Signed{}, fmt.Errorf("%w: it has %d characters, not %d", ErrUnreadable, len(text), TextLength)
	}
	b, err := decodeBase45(text)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if b[0] != Version {
		return Signed{}, VersionError{b[0]}
	}
	return Signed{
		KeyID: b[1], Seat: Seat{Group: binary.BigEndian.Uint16(b[2:]), Place: binary.BigEndian.Uint16(b[4:])},
		Code: Code(b[6:signedBytes]), signature: [ed25519.SignatureSize]byte(b[signedBytes:]),
	}, nil
}

// Verify returns nil if the key has signed the ticket for the concert, and otherwise ErrForged. The caller chooses the key by
// KeyID.
func (s Signed) Verify(key ed25519.PublicKey, concertID string) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, message(concertID, s.body()), s.signature[:]) {
		return ErrForged
	}
	return nil
}

// body returns bytes 0 to 15.
func (s Signed) body() []byte {
	b := make([]byte, 0, signedBytes+ed25519.SignatureSize)
	b = append(b, Version, s.KeyID)
	b = binary.BigEndian.AppendUint16(b, s.Group)
	b = binary.BigEndian.AppendUint16(b, s.Place)
	return append(b, s.Code[:]...)
}

func message(concertID string, body []byte) []byte { return append([]byte(prefix+concertID), body...) }
