package holdtest

import (
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

func (f *fixture) forward(order contracts.OrderID, to holds.Forwarding) holds.Answer {
	f.Helper()
	var answer holds.Answer
	f.step(func() (err error) {
		answer, err = f.b.Forward(f.Context(), f.g, order, "hash-"+string(order), to)
		return err
	})
	return answer
}

var forwardPromises = []promise{
	{"an order that was sent on is not held here any more", func(f *fixture) {
		f.seats(4)
		to := holds.Forwarding{Group: "B", Hop: 1}
		if a := f.forward("a", to); a.Outcome != holds.Forwarded || a.To != to {
			f.Fatalf("answer is %+v", a)
		}
		f.unchanged(func() {
			if a := f.hold("a", 0); a.Outcome != holds.Forwarded || a.To != to {
				f.Fatalf("answer is %+v", a)
			}
		})
	}},
	{"an order is sent on to one group alone", func(f *fixture) {
		f.seats(4)
		first := holds.Forwarding{Group: "B", Hop: 1}
		f.forward("a", first)
		f.unchanged(func() {
			if a := f.forward("a", holds.Forwarding{Group: "C", Hop: 2}); a.Outcome != holds.Forwarded || a.To != first {
				f.Fatalf("answer is %+v", a)
			}
		})
	}},
	{"an order that holds here is not sent on", func(f *fixture) {
		f.seats(4)
		f.held("a", 1, 2)
		f.unchanged(func() { f.outcome(f.forward("a", holds.Forwarding{Group: "B", Hop: 1}), holds.Held, 1, 2) })
	}},
	{"an order that has ended is not sent on", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		f.release("a", 1)
		f.unchanged(func() { f.outcome(f.forward("a", holds.Forwarding{Group: "B", Hop: 1}), holds.Gone) })
	}},
	{"forward to nowhere returns what is known of the order and writes nothing", func(f *fixture) {
		f.seats(6)
		f.held("holds", 1, 2)
		to := holds.Forwarding{Group: "B", Hop: 1}
		f.forward("on", to)
		f.held("over", 3)
		f.release("over", 1)
		f.unchanged(func() {
			f.outcome(f.forward("new", holds.Nowhere), holds.Unknown)
			f.outcome(f.forward("holds", holds.Nowhere), holds.Held, 1, 2)
			f.outcome(f.forward("over", holds.Nowhere), holds.Gone)
			if a := f.forward("on", holds.Nowhere); a.Outcome != holds.Forwarded || a.To != to {
				f.Fatalf("answer is %+v", a)
			}
			other, err := f.b.Forward(f.Context(), f.g, "holds", "another", holds.Nowhere)
			f.wantErr(err, nil)
			f.outcome(other, holds.Other)
		})
		f.held("new", 0)
	}},
	{"an order whose hold has lapsed is neither sent on nor reported as holding", func(f *fixture) {
		f.unswept()
		f.outcome(f.forward("late", holds.Nowhere), holds.Gone)
	}},
	{"an invalid forwarding is refused and changes nothing", func(f *fixture) {
		f.seats(4)
		for _, to := range []holds.Forwarding{{Hop: 1}, {Group: "B"}, {Group: "B", Hop: -1}, {Group: "B", Hop: 10}, {Group: "B C", Hop: 1}, {Group: "B:1", Hop: 1}} {
			f.unchanged(func() {
				_, err := f.b.Forward(f.Context(), f.g, "a", "h", to)
				f.wantErr(err, holds.ErrInvalid)
			})
		}
	}},
	{"an end replaces the forwarding record", func(f *fixture) {
		f.seats(4)
		f.forward("b", holds.Forwarding{Group: "B", Hop: 1})
		f.release("b", 2)
		f.outcome(f.hold("b", 0), holds.Gone)
	}},
	{"a forwarding record is kept as long as an ended one", func(f *fixture) {
		f.seats(4)
		f.forward("a", holds.Forwarding{Group: "B", Hop: 1})
		f.b.Advance(seatstate.RecordKept - time.Millisecond)
		f.unchanged(func() { f.hold("a", 0) })
		f.b.Advance(time.Millisecond)
		f.held("a", 0)
	}},
	{"maps are those of the groups asked for, in their order", func(f *fixture) {
		f.seats(5)
		f.held("a", 3)
		absent := f.g
		absent.Group = "absent"
		maps, err := f.b.Maps(f.Context(), []seatstate.GroupVersion{absent, f.g})
		if err != nil || maps[0].Loaded || !maps[1].Loaded || maps[1].Revision != f.state().Revision {
			f.Fatalf("maps are %+v, %v", maps, err)
		}
		var shown []seatstate.State
		for p := range 5 {
			shown = append(shown, maps[1].Map.At(p))
		}
		if !slices.Equal(shown, []seatstate.State{0, 0, 0, seatstate.Held, 0}) {
			f.Fatalf("the map shows %v", shown)
		}
	}},
}
