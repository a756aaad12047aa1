package queries_test

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/orderid"
)

// minter makes and verifies real ids.
func minter(t testing.TB) *orderid.Minter {
	t.Helper()
	m, err := orderid.New("e", "1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// counted counts the reads of rows. It has a row for every id, so that an id that is read by mistake shows something.
type counted struct{ reads int }

func (c *counted) Order(_ context.Context, of contracts.OrderID) (readmodel.Order, bool, error) {
	c.reads++
	row := *paid(contracts.AwaitingPayment)
	row.OrderID, row.UserID = of, ""
	return row, true, nil
}

// foreignID draws an id that is not ben's: one of anna's, as it is or changed, or a text.
func foreignID(t *rapid.T, annas string) string {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return annas
	case 1: // another Region, or another secret
		at := rapid.IntRange(0, 1).Draw(t, "at")
		return annas[:at] + rapid.StringMatching(`[a-z0-9]`).Draw(t, "letter") + annas[at+1:]
	case 2: // another tag
		return annas[:len(annas)-7] + rapid.StringMatching(`[0-9a-hjkmnp-tv-z]{7}`).Draw(t, "tag")
	case 3: // any character changed
		at := rapid.IntRange(0, len(annas)-1).Draw(t, "at")
		return annas[:at] + rapid.StringMatching(`[0-9a-z]`).Draw(t, "character") + annas[at+1:]
	case 4: // other spellings of the same
		return rapid.SampledFrom([]string{strings.ToUpper(annas), annas + "\x00", " " + annas, annas + "/", annas[:31], annas + annas[:1], "%" + annas}).Draw(t, "spelling")
	default:
		return rapid.OneOf(rapid.StringMatching(`e1[0-9a-hjkmnp-tv-z]{30}`), rapid.String()).Draw(t, "text")
	}
}

// Whatever is wrong with an id, the answer is the same, and nothing is read for it: neither the body nor the time tells whether the
// order exists.
func TestIDsOfOthersAreNotFoundWithoutARead(t *testing.T) {
	ids := minter(t)
	rows := &counted{}
	var want string
	rapid.Check(t, func(r *rapid.T) {
		annas := string(ids.Mint("anna", rapid.StringMatching(`[a-z]{1,8}`).Draw(r, "key")))
		asked := foreignID(r, annas)
		response := getBy(t, rows, ids, "ben", asked)
		if want == "" {
			want = response.Body
		}
		if response.StatusCode != 404 || response.Body != want || !strings.Contains(want, `"order_not_found"`) || rows.reads != 0 {
			r.Fatalf("%q: %d %s after %d reads; want %s", asked, response.StatusCode, response.Body, rows.reads, want)
		}
	})
	if response := getBy(t, rows, ids, "ben", string(ids.Mint("ben", "k"))); response.StatusCode != 200 || rows.reads != 1 {
		t.Errorf("ben's own order: %d %s", response.StatusCode, response.Body)
	}
}
