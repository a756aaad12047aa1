package e2e

import (
	"net/http"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// A group that Redis has in another layout version than the one on sale, for instance one loaded before its layout grew, is shown
// as loading. The first order for it reloads it under a later epoch, and is held.
func TestGroupOfAnotherLayoutVersionIsReloaded(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	concert, anna := arenaConcert(t, s), s.signedIn(t, testbed.Named("anna"))
	layout := s.layoutOf(t, concert)
	at := len(layout.Groups) - 1 // its seats are the last ones that takeSeats returns
	g := layout.Groups[at]
	key := seatstate.KeysOf(contracts.SeatGroup{ConcertID: concert, Group: g.Group}).Rev
	revision := func() seatstate.Revision {
		t.Helper()
		text, err := s.Redis.Get(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		r, err := seatstate.ParseRevision(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := revision()
	// reconcile may reload the group at any time, so the version is changed repeatedly until it is shown.
	eventually(t, decideWithin, func() (bool, string) {
		other := revision()
		other.LayoutVersion = layout.LayoutVersion + 1
		if err := s.Redis.Set(t.Context(), key, other.String(), 0).Err(); err != nil {
			t.Fatal(err)
		}
		var now apiclient.Availability
		if err := anna.Get(t.Context(), "/concerts/"+concert+"/availability", &now); err != nil {
			t.Fatal(err)
		}
		shown := now.Groups[at]
		return shown.State == "loading" && shown.Seats.At(0) == seatstate.Held, "the group is shown as " + shown.State
	})
	answer, err := anna.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: concert, Seats: g.Seats[len(g.Seats)-1:]})
	var accepted apiclient.Accepted
	if err != nil || answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
		t.Fatalf("got %d %s, %v", answer.Status, answer.Body, err)
	}
	wantStatus(t, s.waitDecided(t, anna, accepted.OrderID), contracts.AwaitingPayment)
	if after := revision(); after.LayoutVersion != layout.LayoutVersion || after.Epoch <= before.Epoch {
		t.Errorf("revision %v after %v, want a later epoch of layout %d", after, before, layout.LayoutVersion)
	}
	if shown := s.loadedMaps(t, concert)[g.Group]; shown.At(len(g.Seats)-1) != seatstate.Held {
		t.Error("the seat is not shown as held")
	}
}
