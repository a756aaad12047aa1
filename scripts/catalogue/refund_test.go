package catalogue

import (
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// The sample has what a page has to show: tickets that can be returned and that no longer can, and a concert on the night on which
// the clocks of its city change.
func TestSampleHasRefundsAndAChangeOfClocks(t *testing.T) {
	now := contracts.InstantOf(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	open, passed, clocks := 0, 0, 0
	for _, e := range sample(t) {
		c := e.Concert
		switch {
		case c.RefundUntil > now && c.Sale(now) != readmodel.SaleCancelled:
			open++
		case c.RefundUntil != 0:
			passed++
		}
		zone, err := time.LoadLocation(c.TimeZone)
		if err != nil {
			t.Fatal(err)
		}
		starts := c.StartsAt.Time().In(zone)
		_, before := starts.Add(-24 * time.Hour).Zone()
		if _, after := starts.Zone(); before != after {
			clocks++
		}
	}
	if open < 2 || passed < 1 || clocks < 1 {
		t.Errorf("%d concerts whose tickets can be returned, %d no longer, %d on a night of other clocks", open, passed, clocks)
	}
}
