package e2e

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"net/http"
	"slices"
	"testing"

	"boxoffice/contracts/geometry"
	"boxoffice/contracts/readmodel"
)

// A page can draw both halls from the layout alone: each seat has a place in the outline of its group. The answers are small.
func TestLayoutSaysWhereEachSeatIs(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	for _, concert := range []string{s.Concert, s.Arena} {
		answer, err := c.Do(t.Context(), http.MethodGet, "/concerts/"+concert+"/layout", nil, nil)
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("%s: %d, %v", concert, answer.Status, err)
		}
		var layout struct {
			Tiers  []readmodel.Tier `json:"tiers"`
			Groups []struct {
				Group   string `json:"group"`
				Section string `json:"section"`
				Rows    []struct {
					Count int `json:"count"`
				} `json:"rows"`
				Shape geometry.Shape `json:"shape"`
			} `json:"groups"`
			Geometry geometry.Geometry `json:"geometry"`
		}
		if err := answer.Decode(&layout); err != nil {
			t.Fatal(err)
		}
		seats := 0
		for _, g := range layout.Groups {
			if layout.Geometry.Sections[g.Section].Name == "" {
				t.Errorf("%s: section %s has no plate", concert, g.Section)
			}
			for k, row := range g.Rows {
				seats += row.Count
				if g.Shape.Rows == nil {
					continue // an area
				}
				places, ok := g.Shape.Rows.Row(k, row.Count)
				if !ok {
					t.Errorf("%s: row %d of group %s has no place", concert, k+1, g.Group)
				}
				for _, at := range places {
					if !slices.ContainsFunc(g.Shape.Polygons(), func(polygon []geometry.Point) bool { return geometry.Inside(polygon, at) }) {
						t.Errorf("%s: a seat of row %d of group %s is outside of it", concert, k+1, g.Group)
					}
				}
			}
		}
		if !slices.IsSortedFunc(layout.Tiers, func(a, b readmodel.Tier) int { return cmp.Compare(b.Price.Minor, a.Price.Minor) }) {
			t.Errorf("%s: tiers %v, want the dearest first", concert, layout.Tiers)
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(answer.Body)
		_ = w.Close()
		t.Logf("%s: %d seats, %d bytes, %d with gzip", concert, seats, len(answer.Body), packed.Len())
		if packed.Len() > 12<<10 {
			t.Errorf("%s: the layout has %d bytes with gzip", concert, packed.Len())
		}
	}
}
