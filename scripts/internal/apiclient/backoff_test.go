package apiclient_test

import (
	"slices"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

// waits returns the waits of a client that polls orders with these statuses and is told to wait so many milliseconds each time.
func waits(jitter func(int64) int64, told int, statuses ...contracts.Status) (all []time.Duration) {
	b := apiclient.Backoff{Jitter: jitter}
	for _, s := range statuses {
		version := 0
		if s != contracts.Queued {
			version = 1
		}
		all = append(all, b.Next(apiclient.Order{Status: s, Version: version, PollAfterMs: &told}))
	}
	return all
}

func TestAWaitingClientPollsLessAndLessOften(t *testing.T) {
	q := contracts.Queued
	ms := func(all ...int) (waits []time.Duration) {
		for _, n := range all {
			waits = append(waits, time.Duration(n)*time.Millisecond)
		}
		return waits
	}
	least := func(int64) int64 { return 0 }
	most := func(n int64) int64 { return n - 1 }
	for name, test := range map[string]struct{ got, want []time.Duration }{
		"told 300 ms":         {waits(nil, 300, q, q, q, q, q, q, q, q), ms(300, 600, 1200, 2400, 4800, 9600, 15_000, 15_000)},
		"told 4 s":            {waits(least, 4000, q, q, q, q), ms(4000, 8000, 15_000, 15_000)},
		"with jitter":         {waits(most, 4000, q, q, q, q), ms(4000, 6000, 11_250, 11_250)},
		"never before told":   {waits(most, 12_000, q, q, q), ms(12_000, 12_000, 12_000)},
		"told more than most": {waits(most, 60_000, q, q), ms(60_000, 60_000)},
		"decided":             {waits(nil, 1000, q, q, q, contracts.Held, contracts.Held, contracts.AwaitingPayment, contracts.AwaitingPayment), ms(1000, 2000, 4000, 1000, 1000, 1000, 1000)},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	told := 4000
	hurried := apiclient.Backoff{AtMost: time.Second}
	for i, want := range ms(250, 500, 1000, 1000) {
		if got := hurried.Next(apiclient.Order{Status: q, PollAfterMs: &told}); got != want {
			t.Errorf("of a client in a hurry, wait %d is %s, want %s", i, got, want)
		}
	}
	if got := hurried.Next(apiclient.Order{Status: contracts.Held, Version: 1, PollAfterMs: &told}); got != 250*time.Millisecond {
		t.Errorf("of a client in a hurry: %s", got)
	}
	var b apiclient.Backoff
	if got := b.Next(apiclient.Order{Status: q}); got != time.Second {
		t.Errorf("told nothing: %s", got)
	}
}
