package admission_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/admission"
)

var seating = admission.NewSeating([]readmodel.LayoutGroup{
	{Group: "A", Seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5"}},
	{Group: "B", Seats: []string{"B-1-1", "B-1-2"}},
})

var concert = readmodel.Concert{
	ConcertID: "c", OnSaleAt: 1000, OffSaleAt: 2000, LimitPerOrder: 4, LayoutVersion: 3, LayoutFrozen: 3,
}

func cancelled(c *readmodel.Concert) { c.CancelledAt = 1200 }

func TestCheckRefusesByRule(t *testing.T) {
	for name, test := range map[string]struct {
		seats  []string
		now    contracts.Instant
		change func(*readmodel.Concert)
		code   string
		about  []string
	}{
		"the first instant of the sale": {seats: []string{"A-1-1"}, now: 1000},
		"before the sale":               {seats: []string{"A-1-1"}, now: 999, code: "sale_not_open"},
		"the end of the sale":           {seats: []string{"A-1-1"}, now: 2000, code: "sale_over"},
		"a layout that is not frozen":   {seats: []string{"A-1-1"}, now: 1500, change: func(c *readmodel.Concert) { c.LayoutFrozen = 0 }, code: "sale_not_open"},
		"another layout was frozen":     {seats: []string{"A-1-1"}, now: 1500, change: func(c *readmodel.Concert) { c.LayoutFrozen = 2 }, code: "sale_not_open"},
		"cancelled during its sale":     {seats: []string{"A-1-1"}, now: 1500, change: cancelled, code: "concert_cancelled"},
		"cancelled before its sale":     {seats: []string{"A-1-1"}, now: 999, change: cancelled, code: "concert_cancelled"},
		"cancelled, and over":           {seats: []string{"A-1-1"}, now: 2000, change: cancelled, code: "concert_cancelled"},
		"cancelled, and no seats":       {seats: []string{}, now: 1500, change: cancelled, code: "concert_cancelled"},
		"no seats":                      {seats: []string{}, now: 1500, code: "no_seats"},
		"as many seats as the limit":    {seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}, now: 1500},
		"one seat more than the limit":  {seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5"}, now: 1500, code: "too_many_seats"},
		"a limit over every order's":    {seats: many(21), now: 1500, change: func(c *readmodel.Concert) { c.LimitPerOrder = 100 }, code: "too_many_seats"},
		"the same seat twice":           {seats: []string{"A-1-1", "A-1-2", "A-1-1"}, now: 1500, code: "duplicate_seat", about: []string{"A-1-1"}},
		"unknown seats":                 {seats: []string{"X", "A-1-1", "Y"}, now: 1500, code: "unknown_seat", about: []string{"X", "Y"}},
		"two groups":                    {seats: []string{"A-1-1", "B-1-1", "B-1-2"}, now: 1500, code: "seats_span_groups", about: []string{"B-1-1", "B-1-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := concert
			if test.change != nil {
				test.change(&c)
			}
			got, err := admission.Check(admission.Request{ConcertID: "c", Seats: test.seats}, c, seating, test.now)
			var refusal *admission.Refusal
			switch {
			case test.code == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case test.code == "":
				if got.Group.Key() != "c#A" || len(got.Places) != len(test.seats) || got.LayoutVersion != 3 {
					t.Errorf("got %+v", got)
				}
			case !errors.As(err, &refusal):
				t.Fatalf("admitted: %+v, %v", got, err)
			case refusal.Code != test.code || !slices.Equal(refusal.Seats, test.about):
				t.Errorf("got %s about %v, want %s about %v", refusal.Code, refusal.Seats, test.code, test.about)
			}
		})
	}
}

func TestPlacesFollowRequestOrderAndHashDoesNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seats := rapid.Permutation([]string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}).Draw(t, "seats")
		got, err := admission.Check(admission.Request{ConcertID: "c", Seats: seats}, concert, seating, 1500)
		if err != nil {
			t.Fatal(err)
		}
		for i, place := range got.Places {
			if seating.Groups()[0].Seats[place] != seats[i] {
				t.Fatalf("place %d is not %s", place, seats[i])
			}
		}
		if want := contracts.RequestHash("c", []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}); got.RequestHash != want {
			t.Fatalf("hash %s depends on the order of the seats", got.RequestHash)
		}
	})
}

func many(n int) []string {
	seats := make([]string, n)
	for i := range seats {
		seats[i] = "S-" + strconv.Itoa(i)
	}
	return seats
}
