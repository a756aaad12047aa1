package ticketcode

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// PublishedName is the name of the file with the public keys below /api/.well-known/. It is a file beside the keys of access
// tokens, and no function serves it.
const PublishedName = "ticket-keys.json"

// PublishedBefore is how long a new key is published before it signs. A gate fetches keys before a concert and works offline
// after that, so it must fetch them within this time.
const PublishedBefore = 48 * time.Hour

// Key is a key that signs tickets. It is immutable.
type Key struct {
	// ID is in each text that the key signs. It is never used for another key while a gate may know this one.
	ID        byte
	SignsFrom time.Time
	// Seed is the private key (RFC 8032); nil once the key has retired and only its public half is needed.
	Seed   []byte
	Public ed25519.PublicKey
}

func (k Key) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Seed) }

// Set has the keys that are published, at least one, in the order in which they sign. It is immutable.
type Set []Key

// secretForm is the JSON of the secret.
type secretForm struct {
	Keys []keyForm `json:"keys"`
}

type keyForm struct {
	ID        byte      `json:"id"`
	SignsFrom time.Time `json:"signsFrom"`
	// Seed and Public are base64 in JSON; a key has one of them.
	Seed   []byte `json:"seed,omitempty"`
	Public []byte `json:"public,omitempty"`
}

// ParseKeys reads the secret. The error contains nothing of it but ids.
func ParseKeys(secret string) (Set, error) {
	var form secretForm
	if err := json.Unmarshal([]byte(secret), &form); err != nil {
		return nil, errors.New("ticket keys: the secret is not JSON of the form {\"keys\":[{\"id\",\"signsFrom\",\"seed\" or \"public\"}]}")
	}
	var set Set
	for _, k := range form.Keys {
		key := Key{ID: k.ID, SignsFrom: k.SignsFrom}
		switch {
		case !usableID(k.ID):
			return nil, fmt.Errorf("ticket keys: %d is not the id of a key", k.ID)
		case slices.ContainsFunc(set, func(other Key) bool { return other.ID == k.ID }):
			return nil, fmt.Errorf("ticket keys: %d is there twice", k.ID)
		case len(k.Seed) == ed25519.SeedSize && len(k.Public) == 0:
			key.Seed = k.Seed
			key.Public = publicOf(k.Seed)
		case len(k.Public) == ed25519.PublicKeySize && len(k.Seed) == 0:
			key.Public = k.Public
		default:
			return nil, fmt.Errorf("ticket keys: %d has neither a seed nor a public key of 32 bytes, or both", k.ID)
		}
		set = append(set, key)
	}
	if !slices.ContainsFunc(set, func(k Key) bool { return k.Seed != nil }) {
		return nil, errors.New("ticket keys: there is no key that can sign")
	}
	return set.sorted(), nil
}

func publicOf(seed []byte) ed25519.PublicKey {
	private := ed25519.NewKeyFromSeed(seed)
	return ed25519.PublicKey(slices.Clone(private[ed25519.SeedSize:]))
}

// Encode is the inverse of ParseKeys.
func (s Set) Encode() (string, error) {
	var form secretForm
	for _, k := range s {
		f := keyForm{ID: k.ID, SignsFrom: k.SignsFrom.UTC(), Seed: k.Seed}
		if k.Seed == nil {
			f.Public = k.Public
		}
		form.Keys = append(form.Keys, f)
	}
	encoded, err := json.Marshal(form)
	return string(encoded), err
}

// Signing returns the key that signs at an instant: of those whose time has come and that have a seed the last. found is false
// if there is none.
func (s Set) Signing(now time.Time) (key Key, found bool) {
	for _, k := range s {
		if k.Seed != nil && !k.SignsFrom.After(now) {
			key, found = k, true
		}
	}
	return key, found
}

// FirstKey returns a set of one key, which signs from the beginning of time: nobody has kept another set yet.
func FirstKey(seed []byte) Set { return Set{{ID: 1, Seed: seed, Public: publicOf(seed)}} }

var errNoIDLeft = errors.New("ticket keys: every id is in use; forget a key whose concerts are over")

// Add returns the set with a new key, which signs PublishedBefore later. seed has 32 random bytes.
//
// A ticket is signed when it is shown, so a buyer sees the newest key's signature, but a printed ticket keeps that of its time.
// So a key stays published until Forget: for as long as a concert is ahead for which it has signed. It only loses its seed when
// its successor has signed for PublishedBefore, since a process reads its secrets once and may sign with the key that it knows.
func (s Set) Add(seed []byte, now time.Time) (Set, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("ticket keys: a seed has %d bytes", ed25519.SeedSize)
	}
	var next Set
	newest := byte(0)
	for i, k := range s {
		if i+1 < len(s) && !s[i+1].SignsFrom.Add(PublishedBefore).After(now) {
			k.Seed = nil
		}
		next, newest = append(next, k), k.ID
	}
	// The ids go round, so that an id is not used again soon after Forget.
	for range 0xFF {
		newest++
		used := slices.ContainsFunc(s, func(k Key) bool { return k.ID == newest })
		if usableID(newest) && !used {
			return append(next, Key{ID: newest, SignsFrom: now.Add(PublishedBefore), Seed: seed, Public: publicOf(seed)}).sorted(), nil
		}
	}
	return nil, errNoIDLeft
}

// Forget returns the set without a retired key: no gate accepts a ticket of it any more once it has fetched the keys. A key that
// may still sign is not forgotten. The caller must know that every concert for which the key has signed is over.
func (s Set) Forget(id byte) (Set, error) {
	i := slices.IndexFunc(s, func(k Key) bool { return k.ID == id })
	if i < 0 || s[i].Seed != nil {
		return nil, fmt.Errorf("ticket keys: %d is not a retired key", id)
	}
	return slices.Delete(slices.Clone(s), i, i+1), nil
}

func (s Set) sorted() Set {
	slices.SortStableFunc(s, func(a, b Key) int { return cmp.Or(a.SignsFrom.Compare(b.SignsFrom), cmp.Compare(a.ID, b.ID)) })
	return s
}

// usableID reports whether a key can have an id: not 0, which a missing member is read as, and none whose texts begin with a
// space, which programs between a scanner and a gate like to remove.
func usableID(id byte) bool { return id != 0 && encodeBase45([]byte{Version, id})[0] != ' ' }

// jwks is the JSON Web Key Set of public keys (RFC 7517, RFC 8037).
type jwks struct {
	Keys []jwk `json:"keys"`
}

type jwk struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

const (
	keyType  = "OKP"
	keyCurve = "Ed25519"
)

// Published returns the JSON Web Key Set with the public keys of the set, also of those that do not sign yet or no more. The kid of
// a key is its id in decimal.
func (s Set) Published() ([]byte, error) {
	published := jwks{}
	for _, k := range s {
		published.Keys = append(published.Keys, jwk{
			Type: keyType, Curve: keyCurve, X: base64.RawURLEncoding.EncodeToString(k.Public), ID: strconv.Itoa(int(k.ID)), Use: "sig", Algorithm: "EdDSA",
		})
	}
	return json.MarshalIndent(published, "", "  ")
}

// PublicKeys are the keys that a gate knows, by their ids.
type PublicKeys map[byte]ed25519.PublicKey

// ParsePublished reads what Published returns. It ignores keys of other types, which a later version may publish.
func ParsePublished(document []byte) (PublicKeys, error) {
	var published jwks
	if err := json.Unmarshal(document, &published); err != nil {
		return nil, fmt.Errorf("ticket keys: %w", err)
	}
	keys := PublicKeys{}
	for _, k := range published.Keys {
		if k.Type != keyType || k.Curve != keyCurve {
			continue
		}
		id, err := strconv.ParseUint(k.ID, 10, 8)
		public, wrong := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || wrong != nil || len(public) != ed25519.PublicKeySize || keys[byte(id)] != nil {
			return nil, fmt.Errorf("ticket keys: key %q cannot be read, or is there twice", k.ID)
		}
		keys[byte(id)] = public
	}
	if len(keys) == 0 {
		return nil, errors.New("ticket keys: there is no Ed25519 key")
	}
	return keys, nil
}

// IDs returns the ids in ascending order.
func (k PublicKeys) IDs() []byte { return slices.Sorted(maps.Keys(k)) }
