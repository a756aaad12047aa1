package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// report is all that was measured.
type report struct {
	Cores    int       `json:"cores"`
	Go       string    `json:"go"`
	Reads    []reads   `json:"reads,omitempty"`
	Stampede *stampede `json:"stampede,omitempty"`
	Phases   []phase   `json:"phases"`
	Logins   *logins   `json:"logins,omitempty"`
	// Memory is the most memory that the functions have used in all parts except the starts.
	Memory    []memoryUse    `json:"memory"`
	Functions []functionCost `json:"functions"`
}

func (r report) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// print writes tables for people. Columns are separated by at least two spaces.
func (r report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	// Flush returns the error of a failed write.
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
	row("%d cores, %s", r.Cores, r.Go)
	if len(r.Reads) > 0 {
		row("\nreads\tanswers\tof the function\tanswers/s\tper core of the function\tp50 ms\tp95 ms\tp99 ms\tbytes\tgzip\tother programs")
		for _, x := range r.Reads {
			row("%s\t%d\t%d\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%d\t%d\t%.0f %%", x.Name, x.Answers, x.Asked, x.PerSecond, x.PerCore, x.P50, x.P95, x.P99, x.Bytes, x.Gzipped, 100*x.OthersShare)
		}
	}
	for _, x := range r.Reads {
		row("\n%s; CPU of\twhose\tms/answer\tshare", x.Name)
		printCosts(row, x.CPU)
	}
	if s := r.Stampede; s != nil {
		row("\nstampede\tseats\tHELD\trefused at once\tREJECTED\tturned away\tall responses s\tlast seat s\tall decided s\tother programs")
		row("%d buyers\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.0f %%", s.Buyers, s.Seats, s.Held, s.Refused, s.Rejected, s.TurnedAway,
			s.AnsweredSeconds, s.LastSeatSeconds, s.DecidedSeconds, 100*s.OthersShare)
		row("\nstampede; CPU of\twhose\tms/order accepted\tshare")
		printCosts(row, s.CPU)
	}
	if len(r.Phases) > 0 {
		row("\norders decided\tseat groups\torders\tHELD\tREJECTED\tCONFIRMED\torders a batch\tseconds\torders/s\tother programs\tbare loop/s\tother programs\tof the floor")
		for _, p := range r.Phases {
			floor := "-\t-\t-"
			if f := p.Floor; f != nil {
				floor = fmt.Sprintf("%.0f\t%.0f %%\t%.2f", f.OrdersPerSecond, 100*f.OthersShare, f.Ratio)
			}
			row("%s\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.2f\t%.0f\t%.0f %%\t%s", p.Name, p.Groups, p.Orders, p.Held, p.Rejected, p.Confirmed,
				float64(p.Orders)/float64(max(p.Batches, 1)), p.Seconds, p.OrdersPerSecond, 100*p.OthersShare, floor)
		}
	}
	for _, p := range r.Phases {
		row("\n%s, seat groups: %d; CPU of\twhose\tms/order\tshare", p.Name, p.Groups)
		printCosts(row, p.CPU)
		if p.Floor != nil {
			row("\nbare loop of the same, seat groups: %d; CPU of\twhose\tms/order\tshare", p.Groups)
			printCosts(row, p.Floor.CPU)
		}
	}
	if l := r.Logins; l != nil {
		row("\nlogins\tclients\tlogins/s\tanswer ms, median\tworst\targon2id ms\tof identity's CPU\tother programs")
		row("%d\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.0f %%\t%.0f %%", l.Logins, l.Clients, l.LoginsPerSecond, l.Took.Median, l.Took.Worst, l.HashMilliseconds,
			100*l.HashShare, 100*l.OthersShare)
		row("\nlogin; CPU of\twhose\tms/login\tshare")
		printCosts(row, l.CPU)
	}
	if len(r.Memory) > 0 {
		row("\nmemory of\tMB\tmost used MB\tshare")
		for _, u := range r.Memory {
			row("%s\t%d\t%.1f\t%.0f %%", u.Name, u.Megabytes, u.PeakMegabytes, 100*u.PeakMegabytes/float64(max(u.Megabytes, 1)))
		}
	}
	if len(r.Functions) > 0 {
		row("\nfunction\tMB\tready ms, median\tworst\tfirst answer ms, median\tworst\tmemory MB\tat its share: ready ms\tworst\tfirst answer ms\tworst\tto")
		for _, f := range r.Functions {
			row("%s\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%s", f.Name, float64(f.Bytes)/1e6, f.Ready.Median, f.Ready.Worst,
				f.Answer.Median, f.Answer.Worst, f.Megabytes, f.Held.Ready.Median, f.Held.Ready.Worst, f.Held.Answer.Median, f.Held.Answer.Worst, f.Event)
		}
	}
	return t.Flush()
}

// printCosts writes a row for each process name and one for each part. The load has no share.
func printCosts(row func(string, ...any), costs []processCost) {
	sums := map[part]processCost{}
	for _, c := range costs {
		share := fmt.Sprintf("%.0f %%", 100*c.Share)
		if c.Part == load {
			share = "-"
		}
		row("%s\t%s\t%.2f\t%s", c.Name, c.Part, c.MillisecondsPerOrder, share)
		sum := sums[c.Part]
		sum.MillisecondsPerOrder += c.MillisecondsPerOrder
		sum.Share += c.Share
		sums[c.Part] = sum
	}
	for _, p := range []part{ours, standIn} {
		if sum, found := sums[p]; found {
			row("all\t%s\t%.2f\t%.0f %%", p, sum.MillisecondsPerOrder, 100*sum.Share)
		}
	}
}
