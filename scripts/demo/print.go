package main

import (
	"fmt"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

func (d demo) sayf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// timeline prints the steps of an order, with the end of its hold among them, unless the order ended before that.
func (d demo) timeline(o apiclient.Order) {
	end := o.HoldExpiresAt
	for _, e := range o.Timeline {
		at := ""
		if e.At != nil {
			at = e.At.String()
			if end != nil && *e.At >= *end {
				d.sayf("     %s hold ends", end)
				end = nil
			}
		}
		reason := ""
		if e.Status == contracts.Rejected && o.Reason != nil {
			reason = " (" + string(o.Reason.Code) + ")"
		}
		d.sayf("%s", strings.TrimRight(fmt.Sprintf("     %-24s %s%s  %s", at, e.Status, reason, e.Cause), " "))
	}
	if end != nil && !o.Status.Settled() {
		d.sayf("     %s hold ends", end)
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

func money(m contracts.Money) string {
	return fmt.Sprintf("%d.%02d %s", m.Minor/100, m.Minor%100, m.Currency)
}

func join(seats []string) string { return strings.Join(seats, " and ") }
