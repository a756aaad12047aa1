package orders_test

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
)

// Redis may have a group in another layout version, in which a place is another seat. So each read names the version that it
// means.
func TestRedisIsReadInTheSoldLayoutVersion(t *testing.T) {
	want := []seatstate.GroupVersion{seatstate.In(contracts.SeatGroup{ConcertID: "c", Group: "A"}, 2)}
	for name, body := range map[string]string{
		"named seats":   `{"concertId":"c","seats":["A-1-2"]}`,
		"any two seats": `{"concertId":"c","bestAvailable":{"quantity":2}}`,
	} {
		w := &world{maps: []admission.GroupState{{}}}
		if response := w.post(t, body); response.StatusCode != 202 || !slices.Equal(w.asked, want) {
			t.Errorf("%s: %d, asked about %+v; want 202 and %+v", name, response.StatusCode, w.asked, want)
		}
	}
}
