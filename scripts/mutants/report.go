package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report has the results of all mutants.
type report struct {
	Mutants []result `json:"mutants"`
	Seconds float64  `json:"seconds"`
}

// count returns the number of mutants with one of these outcomes.
func (r report) count(outcomes ...outcome) (n int) {
	for _, m := range r.Mutants {
		for _, o := range outcomes {
			if m.Outcome == o {
				n++
			}
		}
	}
	return n
}

// good reports whether a test has found every mutant.
func (r report) good() bool { return r.count(found, foundElsewhere) == len(r.Mutants) }

func (r report) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range r.Mutants {
		by := strings.Join(m.By, ", ")
		if m.Outcome == survived {
			by = m.Why
		}
		if _, err := fmt.Fprintf(table, "%s\t%.1f s\t%s: %s\t%s\n", m.Outcome, m.Seconds, m.Package, m.Name, by); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, m := range r.Mutants {
		switch {
		case m.Detail != "":
			if _, err := fmt.Fprintf(w, "\n%s: %s: %s: %s\n", m.Package, m.Name, m.Outcome, m.Detail); err != nil {
				return err
			}
		case m.Outcome == foundElsewhere:
			if _, err := fmt.Fprintf(w, "\n%s: %s: %s passes, which the list says must fail\n", m.Package, m.Name, m.Test); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\n%d mutants in %.0f s: %d found, %d of them by another test than the list says, %d survived, %d not tried\n",
		len(r.Mutants), r.Seconds, r.count(found, foundElsewhere), r.count(foundElsewhere), r.count(survived), r.count(notOnce, notCompiled, notTried))
	return err
}

func (r report) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		report
		Found    int `json:"found"`
		Survived int `json:"survived"`
		NotTried int `json:"notTried"`
	}{r, r.count(found, foundElsewhere), r.count(survived), r.count(notOnce, notCompiled, notTried)})
}
