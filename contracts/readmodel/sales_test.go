package readmodel_test

import (
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// The shown count promises no seat that is not there, says 0 only if nothing is left, and has few values.
func TestFreeSeatsAreShownInSteps(t *testing.T) {
	for _, total := range []int{1, 2, 19, 20, 21, 60, 1500, 22692} {
		values := map[int]bool{}
		for free := range total + 1 {
			shown, ok := readmodel.SeatCount{Free: free, Total: total}.Bucketed()
			if !ok || shown.Total != total || shown.Free > free || (shown.Free == 0) != (free == 0) || (free == total) != (shown.Free == total) {
				t.Fatalf("%d of %d is shown as %+v, %v", free, total, shown, ok)
			}
			if free > 0 && free-shown.Free > total/20 {
				t.Errorf("%d of %d is shown as %d", free, total, shown.Free)
			}
			values[shown.Free] = true
		}
		if len(values) > 42 {
			t.Errorf("%d seats are shown in %d steps", total, len(values))
		}
	}
	for _, c := range []readmodel.SeatCount{{}, {Free: 1}, {Free: -1, Total: 5}, {Free: 6, Total: 5}, {Total: -1}} {
		if shown, ok := c.Bucketed(); ok {
			t.Errorf("%+v is shown as %+v", c, shown)
		}
	}
}

func TestSettledOrdersHasEverySettledStatus(t *testing.T) {
	by := readmodel.SettledOrders{}.ByStatus()
	for _, s := range contracts.Statuses() {
		if _, has := by[s]; has != s.Settled() {
			t.Errorf("%s: counted %t, settled %t", s, has, s.Settled())
		}
	}
}
