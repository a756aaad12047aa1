package holdtest

import (
	"strings"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
)

// run asks for several orders in one call.
func (f *fixture) run(asks ...holds.Ask) []holds.Answer {
	f.Helper()
	var answers []holds.Answer
	f.step(func() (err error) {
		answers, err = f.b.Hold(f.Context(), f.g, holds.Run{Asks: asks})
		return err
	})
	if len(answers) != len(asks) {
		f.Fatalf("%d answers to %d asks", len(answers), len(asks))
	}
	return answers
}

func askFor(order string, places ...int) holds.Ask {
	return holds.Ask{Order: contracts.OrderID(order), Hash: "hash-" + order, Places: places}
}

func (f *fixture) outcomes(answers []holds.Answer, want ...holds.Outcome) {
	f.Helper()
	var got, wanted []string
	for _, a := range answers {
		got = append(got, string(a.Outcome))
	}
	for _, o := range want {
		wanted = append(wanted, string(o))
	}
	if strings.Join(got, " ") != strings.Join(wanted, " ") {
		f.Fatalf("answers are %v, want %v", got, wanted)
	}
}

var runPromises = []promise{
	{"orders of a run that share nothing are held in one call, with one move of the revision", func(f *fixture) {
		f.seats(10)
		before := f.state().Revision.Rev
		f.outcomes(f.run(askFor("a", 0, 1), askFor("b", 2), askFor("c", 5, 4)), holds.Held, holds.Held, holds.Held)
		f.wantHolder("a", 0, 1)
		f.wantHolder("b", 2)
		f.wantHolder("c", 4, 5)
		if after := f.state().Revision.Rev; after != before+1 {
			f.Fatalf("the revision went from %d to %d", before, after)
		}
	}},
	{"an order that wants a place of an order in the same run is decided later", func(f *fixture) {
		f.seats(10)
		f.outcomes(f.run(askFor("a", 0, 1), askFor("b", 1, 2), askFor("c", 3)), holds.Held, holds.Again, holds.Held)
		f.wantHolder("", 2)
		if _, known := f.state().Records["b"]; known {
			f.Fatal("an order that is decided later has a record")
		}
	}},
	{"an order that wants a place of one decided later is decided later too", func(f *fixture) {
		f.seats(10)
		f.outcomes(f.run(askFor("a", 0, 1), askFor("b", 1, 2), askFor("c", 2, 3), askFor("d", 3)), holds.Held, holds.Again, holds.Again, holds.Again)
	}},
	{"a place that was taken before the run is taken at once", func(f *fixture) {
		f.seats(10)
		f.held("z", 4)
		answers := f.run(askFor("a", 4), askFor("b", 4, 5), askFor("c", 5))
		f.outcomes(answers, holds.Taken, holds.Taken, holds.Held)
		f.outcome(answers[1], holds.Taken, 4)
	}},
	{"an existing hold of an order in the run delays others like a new one", func(f *fixture) {
		f.seats(10)
		f.held("a", 0)
		answers := f.run(askFor("a", 0), askFor("b", 0))
		f.outcomes(answers, holds.Held, holds.Again)
		f.outcome(answers[0], holds.Held, 0)
		f.outcomes(f.run(askFor("b", 0), askFor("a", 0)), holds.Taken, holds.Held)
	}},
	{"the same order twice in a run is one hold", func(f *fixture) {
		f.seats(10)
		answers := f.run(askFor("a", 0), askFor("a", 0), holds.Ask{Order: "a", Hash: "other", Places: []int{1}})
		f.outcomes(answers, holds.Held, holds.Held, holds.Other)
		f.wantHolder("a", 0)
		f.wantHolder("", 1)
	}},
	{"an order that has ended does not block its place in the run", func(f *fixture) {
		f.seats(10)
		f.held("a", 0)
		f.release("a", 1)
		f.outcomes(f.run(askFor("a", 0), askFor("b", 0)), holds.Gone, holds.Held)
	}},
	{"a run that cannot be coded writes nothing for any order", func(f *fixture) {
		f.seats(10)
		f.unchanged(func() {
			for _, run := range []holds.Run{
				{}, {Asks: []holds.Ask{askFor("a", 0), askFor("b")}}, {Asks: []holds.Ask{askFor("a", 0), askFor("b", 2, 2)}},
				{Asks: []holds.Ask{askFor("a", 0), askFor("b c", 2)}}, {Asks: []holds.Ask{askFor("a", 0), askFor("b", 999)}},
			} {
				if _, err := f.b.Hold(f.Context(), f.g, run); err == nil {
					f.Fatalf("%+v was taken", run)
				}
			}
		})
	}},
}
