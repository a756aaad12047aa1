package order_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"boxoffice/contracts"
)

// The drawing in consumers/README.md and the status graph in contracts are the same.
func TestTheDrawingMatchesTheStatusGraph(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var drawn, want []string
	for _, m := range regexp.MustCompile(`(?m)^    ([A-Z_]+) --> ([A-Z_]+)$`).FindAllStringSubmatch(string(readme), -1) {
		drawn = append(drawn, m[1]+" "+m[2])
	}
	for _, from := range contracts.Statuses() {
		for _, to := range from.Next() {
			want = append(want, string(from)+" "+string(to))
		}
	}
	slices.Sort(drawn)
	slices.Sort(want)
	if !slices.Equal(drawn, want) {
		t.Errorf("the drawing has %v, the status graph %v", drawn, want)
	}
}
