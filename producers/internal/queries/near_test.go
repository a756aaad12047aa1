package queries_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/queries"
)

// sale is one concert on sale with the layout of seatings, and its map.
type sale struct {
	concert readmodel.Concert
	taken   []int
	loaded  bool
	err     error
	reads   int
}

func (s *sale) Concert(context.Context, string) (readmodel.Concert, bool, error) {
	return s.concert, true, nil
}

func (s *sale) Concerts(context.Context) ([]readmodel.Concert, error) {
	return nil, errors.New("not asked for")
}

func (s *sale) Maps(_ context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	s.reads++
	if s.err != nil {
		return nil, s.err
	}
	m := seatstate.NewSeatMap(2)
	for _, p := range s.taken {
		m.Set(p, seatstate.Held)
	}
	return slices.Repeat([]seatstate.Snapshot{{Loaded: s.loaded, Map: m}}, len(groups)), nil
}

// An order that was rejected for its seats is told what is near, while the sale is on and for some minutes.
func TestRejectedOrderIsToldWhatIsNear(t *testing.T) {
	open := readmodel.Concert{ConcertID: "c", OnSaleAt: 1, OffSaleAt: 1 << 50, LimitPerOrder: 4, LayoutVersion: 1, LayoutFrozen: 1}
	for name, test := range map[string]struct {
		change func(*readmodel.Order, *sale)
		want   bool
	}{
		"seat taken":            {func(*readmodel.Order, *sale) {}, true},
		"seat lost":             {func(o *readmodel.Order, _ *sale) { o.Reason.Code = contracts.ReasonSeatLost }, true},
		"deadline passed":       {func(o *readmodel.Order, _ *sale) { o.Reason.Code = contracts.ReasonDeadlinePassed }, false},
		"no reason":             {func(o *readmodel.Order, _ *sale) { o.Reason = nil }, false},
		"no seats":              {func(o *readmodel.Order, _ *sale) { o.Seats = nil }, false},
		"long ago":              {func(o *readmodel.Order, _ *sale) { o.History[0].At = 999 }, false},
		"another group":         {func(o *readmodel.Order, _ *sale) { o.Group = "h" }, false},
		"another seat":          {func(o *readmodel.Order, _ *sale) { o.Seats = []string{"Z"} }, false},
		"another layout":        {func(o *readmodel.Order, _ *sale) { o.LayoutVersion = 2 }, false},
		"no layout":             {func(o *readmodel.Order, _ *sale) { o.LayoutVersion = 0 }, false},
		"the sale is over":      {func(_ *readmodel.Order, s *sale) { s.concert.OffSaleAt = 2 }, false},
		"the concert is off":    {func(_ *readmodel.Order, s *sale) { s.concert.CancelledAt = 2 }, false},
		"nothing is free":       {func(_ *readmodel.Order, s *sale) { s.taken = []int{0, 1} }, false},
		"not loaded":            {func(_ *readmodel.Order, s *sale) { s.loaded = false }, false},
		"Redis does not answer": {func(_ *readmodel.Order, s *sale) { s.err = errors.New("broken connection") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sale{concert: open, taken: []int{0}, loaded: true}
			row := readmodel.Order{
				OrderID: id, UserID: "anna", ConcertID: "c", Group: "g", LayoutVersion: 1, Seats: []string{"A-1"}, Status: contracts.Rejected, Version: 1,
				Reason: &readmodel.Reason{Code: contracts.ReasonSeatTaken}, History: []readmodel.HistoryEntry{{Status: contracts.Rejected, Version: 1, At: 1000}},
			}
			test.change(&row, s)
			now := time.UnixMilli(1000).Add(10 * time.Minute)
			n := queries.NewNear(s, seatings{}, s, slog.New(slog.DiscardHandler), func() time.Time { return now })
			got := n.Suggest(t.Context(), row)
			if (len(got) == 1 && got[0].Seats[0] == "A-2") != test.want || len(got) > 1 {
				t.Errorf("got %+v", got)
			}
			// Many orders cost one read a second, also while Redis does not answer.
			for range 50 {
				n.Suggest(t.Context(), row)
			}
			if s.reads > 1 {
				t.Errorf("%d reads", s.reads)
			}
			before := s.reads
			now = now.Add(time.Second)
			row.History = nil
			if n.Suggest(t.Context(), row); before == 1 && s.reads != 2 {
				t.Errorf("after a second: %d reads", s.reads)
			}
		})
	}
}

// An order for any adjacent seats that found none is told what there is now: such seats if some came free, else what comes near.
func TestOrderForAnySeatsIsToldWhatIsNear(t *testing.T) {
	for name, test := range map[string]struct {
		asked *readmodel.Asked
		taken []int
		want  string
	}{
		"seats came free":         {&readmodel.Asked{Section: "stalls", Quantity: 2}, nil, "same_tier A-1 A-2"},
		"anywhere":                {&readmodel.Asked{Quantity: 2}, nil, "same_tier A-1 A-2"},
		"one is left":             {&readmodel.Asked{Section: "stalls", Quantity: 2}, []int{0}, "longest_run A-2"},
		"none is left":            {&readmodel.Asked{Section: "stalls", Quantity: 2}, []int{0, 1}, ""},
		"another section":         {&readmodel.Asked{Section: "circle", Quantity: 2}, nil, ""},
		"no such place":           {&readmodel.Asked{Section: "stalls", Quantity: 2, Accessible: 1}, nil, ""},
		"a row from before Asked": {nil, nil, ""},
	} {
		s := &sale{concert: readmodel.Concert{ConcertID: "c", OnSaleAt: 1, OffSaleAt: 1 << 50, LimitPerOrder: 4, LayoutVersion: 1, LayoutFrozen: 1}, taken: test.taken, loaded: true}
		row := readmodel.Order{
			OrderID: id, UserID: "anna", ConcertID: "c", Group: "g", LayoutVersion: 1, Asked: test.asked, Status: contracts.Rejected, Version: 1,
			Reason: &readmodel.Reason{Code: contracts.ReasonNoAdjacent}, History: []readmodel.HistoryEntry{{Status: contracts.Rejected, Version: 1, At: 1000}},
		}
		var got []string
		for _, suggested := range queries.NewNear(s, seatings{}, s, slog.New(slog.DiscardHandler), func() time.Time { return time.UnixMilli(2000) }).Suggest(t.Context(), row) {
			got = append(got, string(suggested.Why)+" "+strings.Join(suggested.Seats, " "))
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: suggested %q, want %q", name, got, test.want)
		}
	}
}

// An order shows where the seats of its tickets are, and, if it was rejected, what is near; the answers fit the contract.
func TestOrderShowsPlacesAndSuggestions(t *testing.T) {
	contract, path := contracttest.New(t), "/api/orders/"+string(id)
	confirmed, rejected := paid(contracts.Confirmed), paid(contracts.Rejected)
	confirmed.LayoutVersion = 1
	for row, want := range map[*readmodel.Order]string{
		confirmed: `"seat":"A-2","status":"VALID","sectionName":"stalls","row":"A","seatNumber":2`,
		rejected:  `"suggestions":[{"seats":["A-2"],"amount":{"minor":100,"currency":"EUR"},"why":"same_row"}]`,
	} {
		_, response := viewed(t, row)
		if !strings.Contains(response.Body, want) {
			t.Errorf("%s: %s lacks %s", row.Status, response.Body, want)
		}
		if problems := contract.Problems(t, "GET", path, response); problems != "" {
			t.Errorf("%s: %s", row.Status, problems)
		}
	}
}
