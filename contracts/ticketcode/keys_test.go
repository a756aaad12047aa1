package ticketcode_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
)

var begin = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func seed(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

// An old ticket, a new ticket and a ticket of the key between are all accepted by a gate with the published keys, as long as no
// key is forgotten. No gate that fetched keys within PublishedBefore meets a key that it does not know.
func TestRotationWithOverlap(t *testing.T) {
	set := ticketcode.FirstKey(seed(1))
	now := begin
	seat, code := ticketcode.Seat{Group: 1, Place: 2}, ticketcode.CodeOf("t1", 0)
	var texts []string
	sign := func() byte {
		key, found := set.Signing(now)
		if !found {
			t.Fatal("no key signs")
		}
		texts = append(texts, key.Encode("c", seat, code))
		return key.ID
	}
	if id := sign(); id != 1 {
		t.Fatalf("key %d signs", id)
	}
	for n := byte(2); n <= 4; n++ {
		published, err := set.Published()
		if err != nil {
			t.Fatal(err)
		}
		before, err := ticketcode.ParsePublished(published)
		if err != nil {
			t.Fatal(err)
		}
		if set, err = set.Add(seed(n), now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(ticketcode.PublishedBefore - time.Millisecond)
		if id := sign(); before[id] == nil {
			t.Errorf("key %d signs, and a gate that fetched keys within the time does not know it", id)
		}
		now = now.Add(time.Millisecond)
		sign()
		now = now.Add(ticketcode.PublishedBefore)
	}
	published, err := set.Published()
	if err != nil {
		t.Fatal(err)
	}
	public, err := ticketcode.ParsePublished(published)
	if err != nil || len(public) != 4 {
		t.Fatalf("%d keys, %v: %s", len(public), err, published)
	}
	for i, text := range texts {
		if why := check(public, "c", text); why != "" {
			t.Errorf("ticket %d: %s", i, why)
		}
	}
	// Keys that sign no more have lost what signs; the newest two have not.
	for _, k := range set {
		if retired := k.Seed == nil; retired != (k.ID <= 2) {
			t.Errorf("key %d is retired: %t", k.ID, retired)
		}
	}
	encoded, err := set.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ticketcode.ParseKeys(encoded)
	if err != nil || len(again) != len(set) {
		t.Fatalf("%d keys, %v", len(again), err)
	}
	if set, err = again.Forget(1); err != nil || len(set) != 3 || set[0].ID != 2 {
		t.Errorf("after Forget: %v", err)
	}
	for _, id := range []byte{1, 3, 4, 77} {
		if _, err := set.Forget(id); err == nil {
			t.Errorf("key %d was forgotten", id)
		}
	}
	if key, found := again.Signing(begin.Add(-time.Hour)); found {
		t.Errorf("key %d signs before its time", key.ID)
	}
}

// Ids are not used again soon, 0 never, and none with which a text begins with a space.
func TestIDsOfKeys(t *testing.T) {
	set, now := ticketcode.FirstKey(seed(1)), begin
	used := map[byte]int{1: 1}
	var err error
	for n := range 600 {
		if set, err = set.Add(seed(byte(n)), now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * ticketcode.PublishedBefore)
		newest := set[len(set)-1]
		if last, twice := used[newest.ID]; twice && n-last < 240 {
			t.Fatalf("key %d was used %d rotations before", newest.ID, n-last)
		}
		used[newest.ID] = n
		if text := newest.Encode("c", ticketcode.Seat{}, ticketcode.Code{}); strings.TrimSpace(text) != text {
			t.Fatalf("texts of key %d begin with a space", newest.ID)
		}
		if len(set) > 3 {
			if set, err = set.Forget(set[0].ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if used[0] != 0 || len(used) < 240 {
		t.Errorf("%d ids were used", len(used))
	}
	full := ticketcode.FirstKey(seed(1))
	for err == nil && len(full) < 300 {
		var next ticketcode.Set
		if next, err = full.Add(seed(2), begin); err == nil {
			full = next
		}
	}
	if err == nil || len(full) < 240 {
		t.Errorf("%d keys, %v", len(full), err)
	}
	if _, err := set.Add(seed(1)[:31], begin); err == nil {
		t.Error("a short seed is accepted")
	}
}

func TestSecretsThatCannotBeRead(t *testing.T) {
	const canary = "c4n4ry"
	for _, secret := range []string{
		"", canary, `{"keys":[]}`, `{"keys":[{"id":1}]}`, `{"keys":[{"id":0,"seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`,
		`{"keys":[{"id":5,"seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`,
		`{"keys":[{"id":1,"seed":"YzRuNHJ5"}]}`, `{"keys":[{"id":1,"public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`,
		`{"keys":[{"id":1,"seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`,
		`{"keys":[{"id":1,"seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},{"id":1,"seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`,
	} {
		if _, err := ticketcode.ParseKeys(secret); err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "YzRu") {
			t.Errorf("%q: %v", secret, err)
		}
	}
	for _, document := range []string{``, `{}`, `{"keys":[{"kty":"RSA","kid":"1"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"x","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"AA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`} {
		if keys, err := ticketcode.ParsePublished([]byte(document)); err == nil {
			t.Errorf("%s: %v", document, keys)
		}
	}
}

func TestVectorsOfRevocations(t *testing.T) {
	v, keys, public := readVectors(t)
	for i, list := range v.Revocations {
		if err := list.Verify(public, list.ConcertID); err != nil {
			t.Errorf("list %d: %v", i, err)
		}
		made, err := keys[list.KeyID].Revoke(list.ConcertID, list.At, append([]ticketcode.Code{}, list.Codes...))
		if err != nil || made.Signature != list.Signature {
			t.Errorf("list %d: made %+v, %v", i, made, err)
		}
		encoded, err := json.Marshal(made)
		if err != nil || strings.Contains(string(encoded), "null") {
			t.Errorf("%s, %v", encoded, err)
		}
	}
	list := v.Revocations[0]
	if !list.Has(ticketcode.CodeOf("t7v2k9q4m8x1r4t6w0z5y1p3n8b", 1)) || list.Has(ticketcode.CodeOf("t7v2k9q4m8x1r4t6w0z5y1p3n8b", 2)) {
		t.Error("the list has the wrong codes")
	}
}

// A gate must notice every list that was cut, changed, moved to another concert or made older.
func TestListsThatAreNotWhatWasSigned(t *testing.T) {
	v, _, public := readVectors(t)
	for name, change := range map[string]func(*ticketcode.Revocations){
		"a code less":           func(r *ticketcode.Revocations) { r.Codes = r.Codes[1:] },
		"no codes":              func(r *ticketcode.Revocations) { r.Codes = nil },
		"another order":         func(r *ticketcode.Revocations) { r.Codes[0], r.Codes[1] = r.Codes[1], r.Codes[0] },
		"another time":          func(r *ticketcode.Revocations) { r.At++ },
		"another concert":       func(r *ticketcode.Revocations) { r.ConcertID = "other" },
		"a key that is unknown": func(r *ticketcode.Revocations) { r.KeyID = 9 },
		"another key":           func(r *ticketcode.Revocations) { r.KeyID = 2 },
		"no signature":          func(r *ticketcode.Revocations) { r.Signature = "" },
		"no base64":             func(r *ticketcode.Revocations) { r.Signature = "~" },
	} {
		list := v.Revocations[0]
		list.Codes = append([]ticketcode.Code{}, list.Codes...)
		change(&list)
		if err := list.Verify(public, "nocturne-2030"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A list is sorted, has each code once, and is never cut.
func TestRevoke(t *testing.T) {
	key := ticketcode.FirstKey(seed(1))[0]
	codes := []ticketcode.Code{{3}, {1}, {2}, {1}}
	list, err := key.Revoke("c", contracts.Instant(1), codes)
	if err != nil || len(list.Codes) != 3 || list.Codes[0] != (ticketcode.Code{1}) || list.Codes[2] != (ticketcode.Code{3}) {
		t.Errorf("%+v, %v", list, err)
	}
	many := make([]ticketcode.Code, ticketcode.MaxRevoked+1)
	for i := range many {
		many[i] = ticketcode.Code{byte(i >> 16), byte(i >> 8), byte(i)}
	}
	if _, err := key.Revoke("c", 1, many[1:]); err != nil {
		t.Error(err)
	}
	if _, err := key.Revoke("c", 1, many); err == nil {
		t.Error("a list that is too long was made")
	}
}
