package ticketcode_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
)

// vectors is testdata/tickets.v1.json, which other programs read as well. Another implementation wrote it.
type vectors struct {
	About []string `json:"about"`
	Keys  []struct {
		ID     byte   `json:"id"`
		Seed   string `json:"seed"`
		Public string `json:"public"`
	} `json:"keys"`
	Tickets []struct {
		Name      string             `json:"name"`
		KeyID     byte               `json:"keyId"`
		ConcertID string             `json:"concertId"`
		Group     int                `json:"group"`
		Place     int                `json:"place"`
		TicketID  contracts.TicketID `json:"ticketId"`
		KeyNumber int                `json:"keyNumber"`
		Code      ticketcode.Code    `json:"code"`
		Text      string             `json:"text"`
	} `json:"tickets"`
	Refused []struct {
		Name      string `json:"name"`
		ConcertID string `json:"concertId"`
		Text      string `json:"text"`
		RefusedAs string `json:"refusedAs"`
	} `json:"refused"`
	Revocations []ticketcode.Revocations `json:"revocations"`
}

func readVectors(t testing.TB) (v vectors, keys map[byte]ticketcode.Key, public ticketcode.PublicKeys) {
	t.Helper()
	content, err := os.ReadFile("testdata/tickets.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	keys, public = map[byte]ticketcode.Key{}, ticketcode.PublicKeys{}
	for _, k := range v.Keys {
		seed, err := hex.DecodeString(k.Seed)
		if err != nil {
			t.Fatal(err)
		}
		key := ticketcode.FirstKey(seed)[0]
		key.ID = k.ID
		keys[k.ID], public[k.ID] = key, key.Public
	}
	if len(v.Tickets) < 6 || len(v.Refused) < 15 || len(v.Revocations) < 2 {
		t.Fatalf("read %d tickets, %d refused, %d lists", len(v.Tickets), len(v.Refused), len(v.Revocations))
	}
	return v, keys, public
}

func TestVectorsOfTickets(t *testing.T) {
	v, keys, public := readVectors(t)
	for _, c := range v.Tickets {
		seat, err := ticketcode.SeatAt(c.Group, c.Place)
		if err != nil {
			t.Fatal(err)
		}
		if code := ticketcode.CodeOf(c.TicketID, c.KeyNumber); code != c.Code {
			t.Errorf("%s: code %s, want %s", c.Name, code, c.Code)
		}
		if text := keys[c.KeyID].Encode(c.ConcertID, seat, c.Code); text != c.Text || len(text) != 120 || ticketcode.TextLength != 120 {
			t.Errorf("%s: text %q, want %q", c.Name, text, c.Text)
		}
		read, err := ticketcode.Decode(c.Text)
		if err != nil || read.KeyID != c.KeyID || read.Seat != seat || read.Code != c.Code {
			t.Errorf("%s: read %+v, %v", c.Name, read, err)
		}
		if err := read.Verify(public[c.KeyID], c.ConcertID); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// check is what a gate does.
func check(public ticketcode.PublicKeys, concertID, text string) string {
	signed, err := ticketcode.Decode(text)
	var version ticketcode.VersionError
	switch {
	case errors.As(err, &version):
		return "version"
	case errors.Is(err, ticketcode.ErrUnreadable):
		return "text"
	case err != nil:
		return err.Error()
	case public[signed.KeyID] == nil:
		return "key"
	case errors.Is(signed.Verify(public[signed.KeyID], concertID), ticketcode.ErrForged):
		return "signature"
	}
	return ""
}

func TestVectorsThatAreRefused(t *testing.T) {
	v, _, public := readVectors(t)
	for _, c := range v.Refused {
		if why := check(public, c.ConcertID, c.Text); why != c.RefusedAs {
			t.Errorf("%s: refused as %q, want %q", c.Name, why, c.RefusedAs)
		}
	}
}

// A text without a key of the right size must not pass, whatever a caller looked up.
func TestNoKeyVerifiesNothing(t *testing.T) {
	v, _, _ := readVectors(t)
	signed, err := ticketcode.Decode(v.Tickets[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []ed25519.PublicKey{nil, {}, make([]byte, 31), make([]byte, 32), make([]byte, 33)} {
		if err := signed.Verify(key, v.Tickets[0].ConcertID); !errors.Is(err, ticketcode.ErrForged) {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
	}
}

// Whatever one character of a text becomes, no gate accepts it.
func TestEveryCharacterIsSigned(t *testing.T) {
	v, _, public := readVectors(t)
	good := v.Tickets[0]
	const characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:abc\n"
	for i := range good.Text {
		for _, c := range characters {
			changed := good.Text[:i] + string(c) + good.Text[i+1:]
			if changed != good.Text && check(public, good.ConcertID, changed) == "" {
				t.Fatalf("accepted with %q at %d", c, i)
			}
		}
	}
	for n := range good.Text {
		if why := check(public, good.ConcertID, good.Text[:n]); why != "text" {
			t.Errorf("cut to %d characters: %q", n, why)
		}
	}
}

func TestEveryTicketIsReadAsItWasWritten(t *testing.T) {
	_, keys, public := readVectors(t)
	rapid.Check(t, func(t *rapid.T) {
		concert := rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`).Draw(t, "concert")
		seat, err := ticketcode.SeatAt(rapid.IntRange(0, 0xFFFF).Draw(t, "group"), rapid.IntRange(0, 0xFFFF).Draw(t, "place"))
		if err != nil {
			t.Fatal(err)
		}
		id := contracts.TicketID(rapid.StringMatching(`t[0-9a-z]{26}`).Draw(t, "id"))
		code := ticketcode.CodeOf(id, rapid.IntRange(0, 1000).Draw(t, "number"))
		text := keys[2].Encode(concert, seat, code)
		signed, err := ticketcode.Decode(text)
		if err != nil || signed.Seat != seat || signed.Code != code || signed.KeyID != 2 {
			t.Fatalf("read %+v, %v", signed, err)
		}
		if why := check(public, concert, text); why != "" {
			t.Fatalf("refused: %s", why)
		}
		if why := check(public, concert+"x", text); why != "signature" {
			t.Fatalf("at another concert: %q", why)
		}
		if strings.TrimSpace(text) != text {
			t.Fatalf("%q begins or ends with a space", text)
		}
	})
}

// Another key number is another code, and so is another ticket.
func TestCodesDiffer(t *testing.T) {
	seen := map[ticketcode.Code]string{}
	for _, id := range []contracts.TicketID{"t1", "t10", "t"} {
		for n := range 20 {
			code := ticketcode.CodeOf(id, n)
			if other, twice := seen[code]; twice {
				t.Errorf("%s and %s/%d have one code", other, id, n)
			}
			seen[code] = string(id)
		}
	}
}

func TestSeatsThatDoNotFit(t *testing.T) {
	for _, c := range [][2]int{{-1, 0}, {0, -1}, {65536, 0}, {0, 65536}} {
		if seat, err := ticketcode.SeatAt(c[0], c[1]); err == nil {
			t.Errorf("%v became %+v", c, seat)
		}
	}
}

func TestCodesInJSON(t *testing.T) {
	code := ticketcode.CodeOf("t1", 0)
	encoded, err := json.Marshal([]ticketcode.Code{code})
	var read []ticketcode.Code
	if err != nil || json.Unmarshal(encoded, &read) != nil || !slices.Equal(read, []ticketcode.Code{code}) || len(code.String()) != 14 {
		t.Errorf("%s became %v, %v", encoded, read, err)
	}
	for _, text := range []string{"", "AAAA", code.String() + "A", code.String()[:13], "AAAAAAAAAAAAA=", "AAAAAAAAAAAAAB", "AAAAAAAAAAAA\nA"} {
		if err := new(ticketcode.Code).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// Whatever a camera sends, it is read or refused, and what is read is written in the same way.
func FuzzDecode(f *testing.F) {
	v, _, _ := readVectors(f)
	for _, c := range v.Tickets {
		f.Add(c.Text)
	}
	for _, c := range v.Refused {
		f.Add(c.Text)
	}
	_, keys, public := readVectors(f)
	f.Fuzz(func(t *testing.T, text string) {
		signed, err := ticketcode.Decode(text)
		if err != nil {
			return
		}
		again := keys[1].Encode("nocturne-2030", signed.Seat, signed.Code)
		if check(public, "nocturne-2030", again) != "" {
			t.Errorf("%q is read as %+v, which cannot be written", text, signed)
		}
		// Ed25519 has one signature for a message and a key: whatever passes is what Encode writes.
		if signed.KeyID == 1 && check(public, "nocturne-2030", text) == "" && again != text {
			t.Errorf("%q passes and is not %q", text, again)
		}
	})
}
