package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// Only mirror brings the effects of commit from the row to the seat map: a sold seat, and a seat of an order that its payment
// ended. Both are shown within the limit of the alarm. The map may show `held` until then.
func TestSeatMapShowsCommitWithinTheLimit(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	for name, change := range map[string]struct {
		pay    func(t *testing.T, o apiclient.Order)
		status contracts.Status
		shows  seatstate.State
	}{
		"a sale": {func(t *testing.T, o apiclient.Order) { s.pay(t, o, "pm_card_visa") }, contracts.Committed, seatstate.Sold},
		"a release": {func(t *testing.T, o apiclient.Order) {
			row, _ := s.row(t, o.OrderID)
			s.authorizeOther(t, row, func(p *stripe.PaymentIntentParams) { *p.Amount += 100 })
		}, contracts.Rejected, seatstate.Free},
	} {
		t.Run(name, func(t *testing.T) {
			var took []time.Duration
			for range 7 {
				anna, seat := s.signedIn(t, testbed.Named("anna")), s.takeSeats(t, 1)[0]
				order := s.placePayable(t, anna, "key-1", seat)
				change.pay(t, order)
				var shown time.Time
				eventually(t, decideWithin, func() (bool, string) {
					shown = time.Now()
					return s.seatState(t, seat) == change.shows, "the map does not show it"
				})
				row, _ := s.row(t, order.OrderID)
				at := time.Time{}
				for _, h := range row.History {
					if h.Status == change.status {
						at = h.At.Time()
					}
				}
				if at.IsZero() {
					t.Fatalf("order %s was never %s", order.OrderID, change.status)
				}
				took = append(took, shown.Sub(at))
			}
			slices.Sort(took)
			t.Logf("%s is on the map after %s at the median, %s at most", name, took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
			if median := took[len(took)/2]; median > telemetry.MirrorLagLimit {
				t.Errorf("the median is %s, over %s", median, telemetry.MirrorLagLimit)
			}
		})
	}
}
