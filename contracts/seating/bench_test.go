package seating_test

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/seating"
)

// The arena has 100 groups of 280 seats, and only single seats are free. This is the worst case of a best-available order:
// nothing adjacent is left.
func BenchmarkCandidatesOfASoldOutArena(b *testing.B) {
	var h hall
	rows := slices.Repeat([]string{"wwww" + strings.Repeat(".x", 8)}, 14)
	for i := range 100 {
		h.add(string(rune('a'+i%26))+string(rune('a'+i/26)), true, rows...)
	}
	wish := seating.Wish{Quantity: 5, Released: true}
	for b.Loop() {
		if c := wish.Candidates(h.groups, h.maps, nil); len(c.Best()) != len(h.groups) {
			b.Fatal("a run with accessible places was to be found in each group")
		}
	}
}
