package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/scripts/internal/apiclient"
)

// watchFor is how long the viewers of one level look.
const watchFor = 5500 * time.Millisecond

// However many viewers look at the seats, Redis is read as often as for one: at most once a second by each process that is asked. The test
// is not parallel, so that nobody orders meanwhile. Producers read maps by MGET. So does reconcile, in a burst once a minute, so that the
// median second counts and not their sum.
func TestRedisReadsDoNotGrowWithViewers(t *testing.T) { //nolint:paralleltest // it counts what everything does
	s := requireStack(t)
	groups := len(s.loadedMaps(t, s.Concert))
	perSecond, first := map[int]float64{}, s.mapReads(t)
	for _, viewers := range []int{1, 50, 200} {
		transport := &http.Transport{MaxIdleConnsPerHost: viewers}
		client := &apiclient.Client{Base: s.API, HTTP: &http.Client{Transport: transport}, AnySeats: true}
		started := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), watchFor)
		var answers, bad atomic.Int64
		var all sync.WaitGroup
		for range viewers {
			all.Go(func() {
				for ctx.Err() == nil {
					answer, err := client.Do(ctx, http.MethodGet, "/concerts/"+s.Concert+"/availability", nil, nil)
					switch {
					case ctx.Err() != nil:
					case err != nil || answer.Status != http.StatusOK:
						bad.Add(1)
					default:
						answers.Add(1)
					}
				}
			})
		}
		perSecond[viewers] = s.medianMapReads(ctx, t)
		all.Wait()
		stop()
		transport.CloseIdleConnections()
		seconds := time.Since(started).Seconds()
		t.Logf("%d viewers: %.0f answers a second, %.0f reads of maps in the median second, of %d groups", viewers, float64(answers.Load())/seconds, perSecond[viewers], groups)
		if bad.Load() > 0 || answers.Load() < int64(viewers) {
			t.Errorf("%d viewers got %d answers and %d failures", viewers, answers.Load(), bad.Load())
		}
	}
	// Two reads of a process may fall into one second. Behind the edge fewer reads are enough: a copy of a second there is made of a
	// snapshot of a second, so that a second may pass without any.
	processes := s.processesOf(t, "queries")
	most := float64(2 * groups * processes)
	for viewers, reads := range perSecond {
		if reads > most {
			t.Errorf("%d viewers cost %.0f reads in the median second, want at most %.0f: %d groups, by each of %d processes", viewers, reads, most, groups, processes)
		}
	}
	// There must be some, or this test would count another command.
	if s.mapReads(t) == first {
		t.Error("no map was read")
	}
}

// medianMapReads returns how many maps are read in the median second until ctx ends.
func (s *stack) medianMapReads(ctx context.Context, t *testing.T) float64 {
	t.Helper()
	var seconds []float64
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for before := s.mapReads(t); ; {
		select {
		case <-ctx.Done():
			slices.Sort(seconds)
			return seconds[len(seconds)/2]
		case <-ticker.C:
			now := s.mapReads(t)
			seconds, before = append(seconds, float64(now-before)), now
		}
	}
}

func (s *stack) processesOf(t *testing.T, function string) int {
	t.Helper()
	f, err := s.Function(t.Context(), function)
	if err != nil {
		t.Fatal(err)
	}
	return len(f.Processes)
}

// mapReads returns how often MGET was called since Redis started.
func (s *stack) mapReads(t *testing.T) int64 {
	t.Helper()
	stats, err := s.Redis.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(stats, "\n") {
		var calls int64
		if _, err := fmt.Sscanf(line, "cmdstat_mget:calls=%d,", &calls); err == nil {
			return calls
		}
	}
	return 0
}
