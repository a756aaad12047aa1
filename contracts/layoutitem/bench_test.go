package layoutitem_test

import (
	"fmt"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// arena has 126 groups of 6 rows of 30 seats.
func arena() []readmodel.LayoutGroup {
	groups := make([]readmodel.LayoutGroup, 126)
	for i := range groups {
		g := readmodel.LayoutGroup{Group: fmt.Sprint("g-", i), Section: "s", Kind: readmodel.KindSeats, Tier: "gold", Price: contracts.Money{Minor: 4500, Currency: "EUR"}}
		for r := range 6 {
			row := readmodel.LayoutRow{Name: fmt.Sprint(r + 1)}
			for s := range 30 {
				row.Seats = append(row.Seats, fmt.Sprintf("S%d-%d-%d", i, r+1, s+1))
			}
			g.Rows, g.Seats = append(g.Rows, row), append(g.Seats, row.Seats...)
		}
		groups[i] = g
	}
	return groups
}

// BenchmarkDecode measures what a process does at its start with the item of an arena.
func BenchmarkDecode(b *testing.B) {
	seats, err := layoutitem.EncodeSeats(arena())
	if err != nil {
		b.Fatal(err)
	}
	page, err := layoutitem.EncodePage(layoutitem.Page{Groups: arena()})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seats", func(b *testing.B) {
		b.ReportMetric(float64(len(seats)), "item-bytes")
		for b.Loop() {
			if _, err := layoutitem.DecodeSeats(seats); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page", func(b *testing.B) {
		b.ReportMetric(float64(len(page)), "item-bytes")
		for b.Loop() {
			if _, err := layoutitem.DecodePage(page); err != nil {
				b.Fatal(err)
			}
		}
	})
}
