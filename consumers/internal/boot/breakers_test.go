package boot

import (
	"slices"
	"testing"

	"boxoffice/contracts/readmodel"
)

// A name is open from the first of its breakers that opens until the last has closed; half open counts as open.
func TestOpenBreakersAreKnown(t *testing.T) {
	var b Breakers
	want := func(open ...readmodel.OpenBreaker) {
		t.Helper()
		if got := b.Open(); !slices.Equal(got, open) {
			t.Errorf("open are %v, want %v", got, open)
		}
	}
	want()
	b.changed("redis", "closed", "open", 5)
	b.changed("dynamodb", "closed", "open", 6)
	b.changed("redis", "closed", "open", 7) // another shard
	want(readmodel.OpenBreaker{Name: "dynamodb", Since: 6}, readmodel.OpenBreaker{Name: "redis", Since: 5})
	b.changed("redis", "open", "half-open", 8)
	b.changed("redis", "half-open", "open", 9)
	b.changed("dynamodb", "open", "half-open", 9)
	b.changed("dynamodb", "half-open", "closed", 10)
	want(readmodel.OpenBreaker{Name: "redis", Since: 5})
	b.changed("redis", "open", "half-open", 11)
	b.changed("redis", "half-open", "closed", 12)
	want(readmodel.OpenBreaker{Name: "redis", Since: 5})
	b.changed("redis", "half-open", "closed", 13)
	want()
	b.changed("redis", "closed", "open", 20)
	want(readmodel.OpenBreaker{Name: "redis", Since: 20})
	var none *Breakers
	none.changed("redis", "closed", "open", 1)
	if none.Open() != nil {
		t.Error("a nil Breakers knows one")
	}
}
