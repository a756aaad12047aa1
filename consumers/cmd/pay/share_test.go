package main

import (
	"testing"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts/topology"
)

// Without Redis each process of pay uses its own share of the rate that Stripe allows the account. The shares of all processes that
// can run at once must add up to that rate, not more and not less: so the maximum concurrency is the number of shares.
func TestTheSharesOfPaysProcessesAddUpToTheAccountsRate(t *testing.T) {
	s, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	function, found := s.FunctionNamed("pay")
	if !found {
		t.Fatal("there is no pay")
	}
	processes := function.Queue.MaximumConcurrency
	if processes == 0 || float64(processes)*ownShare < 0.999 || float64(processes)*ownShare > 1.001 {
		t.Errorf("%d processes with a share of %g each", processes, ownShare)
	}
	// Stripe's test mode allows less than a live account.
	for _, perSecond := range []int{s.StripeRequestsPerSecond, pay.TestRates.Writes} {
		account := pay.Rates{Writes: perSecond, Reads: perSecond}
		if own := account.Share(ownShare); own.Writes*processes > account.Writes || own.Reads*processes > account.Reads {
			t.Errorf("%d processes do %d writes and %d reads a second each, the account may do %d and %d", processes, own.Writes, own.Reads, account.Writes, account.Reads)
		}
	}
}
