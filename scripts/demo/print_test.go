package main

import (
	"bytes"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

// The end of the hold is shown at its place in time, and not if the order ended before.
func TestATimelineShowsTheEndOfTheHoldInOrder(t *testing.T) {
	end := contracts.Instant(60_000)
	for status, test := range map[contracts.Status]struct {
		at   contracts.Instant
		want string
	}{
		contracts.Held:      {55_000, "QUEUED HELD ends"},
		contracts.Expired:   {71_000, "QUEUED ends EXPIRED"},
		contracts.Cancelled: {56_000, "QUEUED CANCELLED"},
	} {
		var out bytes.Buffer
		demo{out: &out}.timeline(apiclient.Order{
			Status: status, HoldExpiresAt: &end,
			Timeline: []apiclient.Entry{{Status: contracts.Queued}, {Status: status, At: &test.at}},
		})
		var got []string
		for line := range strings.Lines(out.String()) {
			words := strings.Fields(line)
			got = append(got, words[len(words)-1])
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s\n%s", status, got, test.want, &out)
		}
	}
}
