package contracts_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
)

// Each code has its own sentence. Without it a buyer would only read "refused".
func TestReasonDetails(t *testing.T) {
	seen := map[string]contracts.Reason{contracts.Reason("unheard_of").Detail(): "unheard_of"}
	for _, r := range contracts.Reasons() {
		detail := r.Detail()
		if other, twice := seen[detail]; twice {
			t.Errorf("%s says the same as %s", r, other)
		}
		if !strings.HasSuffix(detail, ".") {
			t.Errorf("%s: %q is no sentence", r, detail)
		}
		seen[detail] = r
	}
}

func TestSeatGroupKey(t *testing.T) {
	g := contracts.SeatGroup{ConcertID: "vienna-2027_03", Group: "Parkett-L"}
	if g.Key() != "vienna-2027_03#Parkett-L" {
		t.Errorf("key %s", g.Key())
	}
	for _, c := range []struct {
		key   string
		valid bool
	}{
		{"c#g", true}, {strings.Repeat("c", 40) + "#" + strings.Repeat("g", 32), true},
		{"", false}, {"#", false}, {"c", false}, {"c#", false}, {"#g", false}, {"c#g#h", false}, {"c#{g}", false}, {"c g#g", false},
		{"é#g", false}, {strings.Repeat("c", 41) + "#g", false}, {"c#" + strings.Repeat("g", 33), false},
	} {
		got, err := contracts.ParseSeatGroup(c.key)
		if (err == nil) != c.valid || (c.valid && got.Key() != c.key) {
			t.Errorf("ParseSeatGroup(%q) = %+v, %v; want valid %t", c.key, got, err, c.valid)
		}
	}
}

func TestSeatGroupNamesEachBadPart(t *testing.T) {
	err := contracts.SeatGroup{ConcertID: "a b", Group: "{"}.Validate()
	if err == nil || !strings.Contains(err.Error(), `concertId "a b"`) || !strings.Contains(err.Error(), `group "{"`) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseSeatGroup(f *testing.F) {
	for _, key := range []string{"c#g", "#", "c#g#h", "c#{g}"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		g, err := contracts.ParseSeatGroup(key)
		if err != nil {
			return
		}
		// It is a MessageGroupId (at most 128 characters) and a Redis hash tag (no brace of its own).
		if g.Key() != key || len(key) > 128 || strings.ContainsAny(key, "{} \n") {
			t.Errorf("%q is accepted as %+v", key, g)
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		valid func(string) bool
		limit int
	}{
		{"seat", contracts.ValidSeatName, 24}, {"idempotency key", contracts.ValidIdempotencyKey, 64}, {"command id", contracts.ValidCommandID, 36},
	} {
		for _, good := range []string{"A", "a-1_Z", strings.Repeat("9", c.limit)} {
			if !c.valid(good) {
				t.Errorf("%s %q is refused", c.name, good)
			}
		}
		for _, bad := range []string{"", " ", "a b", "a#b", "a:b", "ä", "a\n", "a\x00", strings.Repeat("9", c.limit+1)} {
			if c.valid(bad) {
				t.Errorf("%s %q is accepted", c.name, bad)
			}
		}
	}
}

func TestRequestHash(t *testing.T) {
	// The hash never changes: it is stored in rows and compared with hashes that later program versions compute.
	if got := contracts.RequestHash("concert", []string{"B-2", "A-1"}); got != goldenHash {
		t.Errorf("hash %s, want %s", got, goldenHash)
	}
	if got := contracts.RequestHashNamed("concert", []string{"B-2", "A-1"}, 0); got != goldenHash {
		t.Errorf("without accessible places the hash is %s, want %s", got, goldenHash)
	}
	if got, want := contracts.RequestHashNamed("concert", []string{"B-2", "A-1"}, 1), contracts.RequestHashNamed("concert", []string{"A-1", "B-2"}, 1); got != want {
		t.Errorf("hash %s depends on the order of the seats", got)
	}
	base := contracts.RequestHash("concert", []string{"A-1", "A-2"})
	for name, other := range map[string]string{
		"another concert": contracts.RequestHash("concerT", []string{"A-1", "A-2"}),
		"another seat":    contracts.RequestHash("concert", []string{"A-1", "A-3"}),
		"a seat less":     contracts.RequestHash("concert", []string{"A-1"}),
		"a seat more":     contracts.RequestHash("concert", []string{"A-1", "A-2", "A-3"}),
		"run together":    contracts.RequestHash("concert", []string{"A-1A-2"}),
		"moved boundary":  contracts.RequestHash("concertA-1", []string{"A-2"}),
		"none":            contracts.RequestHash("concert", nil),
		"one accessible":  contracts.RequestHashNamed("concert", []string{"A-1", "A-2"}, 1),
		"two accessible":  contracts.RequestHashNamed("concert", []string{"A-1", "A-2"}, 2),
	} {
		if other == base {
			t.Errorf("%s has the same hash", name)
		}
	}
}

// These hashes never change either. Without accessible places the hash is the same as before accessible places existed.
func TestRequestHashOfBestAvailable(t *testing.T) {
	for hash, want := range map[string]string{
		contracts.RequestHashBest("concert", "stalls", 2, 0): "D1AbkzLv_El9nq7Pqn8gvQ",
		contracts.RequestHashBest("concert", "stalls", 2, 1): "w3b3gmCr1bLdzxaEzgql-g",
	} {
		if hash != want {
			t.Errorf("hash %s, want %s", hash, want)
		}
	}
	seen := map[string]string{}
	for name, hash := range map[string]string{
		"a pair":             contracts.RequestHashBest("concert", "stalls", 2, 0),
		"one accessible":     contracts.RequestHashBest("concert", "stalls", 2, 1),
		"both accessible":    contracts.RequestHashBest("concert", "stalls", 2, 2),
		"21 seats":           contracts.RequestHashBest("concert", "stalls", 21, 0),
		"any section":        contracts.RequestHashBest("concert", "", 2, 0),
		"another section":    contracts.RequestHashBest("concert", "stall", 2, 0),
		"three":              contracts.RequestHashBest("concert", "stalls", 3, 0),
		"three, one of them": contracts.RequestHashBest("concert", "stalls", 3, 1),
		"another concert":    contracts.RequestHashBest("concer", "stalls", 2, 0),
		"a section with 2":   contracts.RequestHashBest("concert", "stalls2", 1, 0),
		"seats of the names": contracts.RequestHash("concert", []string{"stalls", "2"}),
	} {
		if other, twice := seen[hash]; twice {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[hash] = name
	}
}

// goldenHash is the first 16 bytes of SHA-256 over "seats", "concert", "A-1", "B-2" joined by NUL.
const goldenHash = "iPtCnex5PhzQNljUxWHBEQ"

func TestRequestHashIgnoresOrderAndTellsSetsApart(t *testing.T) {
	seat := rapid.StringMatching(`[A-Z]{1,2}-[0-9]{1,2}`)
	seats := rapid.SliceOfNDistinct(seat, 1, 20, rapid.ID[string])
	rapid.Check(t, func(t *rapid.T) {
		a := seats.Draw(t, "a")
		shuffled := rapid.Permutation(a).Draw(t, "shuffled")
		before := strings.Join(shuffled, " ")
		hash := contracts.RequestHash("c", a)
		if !contracts.ValidRequestHash(hash) {
			t.Fatalf("hash %q has another form", hash)
		}
		if contracts.RequestHash("c", shuffled) != hash {
			t.Fatalf("%v and %v have different hashes", a, shuffled)
		}
		if strings.Join(shuffled, " ") != before {
			t.Fatal("the caller's seats were sorted")
		}
		b := seats.Draw(t, "b")
		same := len(a) == len(b)
		for _, s := range b {
			same = same && strings.Contains(" "+before+" ", " "+s+" ")
		}
		if (contracts.RequestHash("c", b) == hash) != same {
			t.Fatalf("%v and %v: same set %t, same hash %t", a, b, same, !same)
		}
	})
}

func TestValidRequestHash(t *testing.T) {
	for _, bad := range []string{"", strings.Repeat("a", 21), strings.Repeat("a", 23), strings.Repeat("a", 21) + "=", strings.Repeat("a", 21) + "+"} {
		if contracts.ValidRequestHash(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParseOrderID(f *testing.F) {
	for _, s := range []string{"e1" + strings.Repeat("7", 30), "", "e", "E1" + strings.Repeat("7", 30), "11" + strings.Repeat("7", 30), "e1" + strings.Repeat("u", 30)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := contracts.ParseOrderID(s)
		good := len(s) == contracts.OrderIDLength && s[0] >= 'a' && s[0] <= 'z'
		for i := 1; good && i < len(s); i++ {
			good = strings.IndexByte(contracts.OrderIDAlphabet, s[i]) >= 0
		}
		if (err == nil) != good || (good && string(id) != s) || (!good && id != "") {
			t.Errorf("ParseOrderID(%q) = %q, %v; want accepted %t", s, id, err, good)
		}
	})
}

// Exactly the characters of the alphabet are accepted.
func TestOrderIDAlphabet(t *testing.T) {
	for c := range 256 {
		s := "e1" + strings.Repeat("0", contracts.OrderIDLength-3) + string([]byte{byte(c)})
		_, err := contracts.ParseOrderID(s)
		if want := strings.IndexByte(contracts.OrderIDAlphabet, byte(c)) >= 0; (err == nil) != want {
			t.Errorf("character %q: accepted %t, in the alphabet %t", rune(c), err == nil, want)
		}
	}
}
