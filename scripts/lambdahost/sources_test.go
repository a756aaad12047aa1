package main

import (
	"testing"

	"boxoffice/contracts/topology"
)

// A mapping's concurrency is the lower of its maximum and the number of processes.
func TestConcurrencyOfAMapping(t *testing.T) {
	for _, c := range []struct{ maximum, processes, want int }{{0, 6, 6}, {10, 2, 2}, {2, 6, 2}, {6, 6, 6}} {
		if got := concurrency(topology.QueueSource{MaximumConcurrency: c.maximum}, c.processes); got != c.want {
			t.Errorf("maximum concurrency %d, %d processes: %d, want %d", c.maximum, c.processes, got, c.want)
		}
	}
}
