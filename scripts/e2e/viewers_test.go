package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/scripts/internal/apiclient"
)

// watchFor is how long the viewers of one level look.
const watchFor = 4 * time.Second

// However many viewers look at the seats, Redis is read as often as for one: at most once a second by each process that is asked. The test
// is not parallel, so that nobody orders meanwhile; producers read maps by MGET, and nothing else in Redis does.
func TestRedisReadsDoNotGrowWithViewers(t *testing.T) { //nolint:paralleltest // it counts what everything does
	s := requireStack(t)
	groups := len(s.loadedMaps(t, s.Concert))
	perSecond := map[int]float64{}
	for _, viewers := range []int{1, 50, 200} {
		transport := &http.Transport{MaxIdleConnsPerHost: viewers}
		client := &apiclient.Client{Base: s.API, HTTP: &http.Client{Transport: transport}, AnySeats: true}
		before, started := s.mapReads(t), time.Now()
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
		all.Wait()
		stop()
		transport.CloseIdleConnections()
		seconds := time.Since(started).Seconds()
		perSecond[viewers] = float64(s.mapReads(t)-before) / seconds
		t.Logf("%d viewers: %.0f answers a second, %.1f reads of maps a second, of %d groups", viewers, float64(answers.Load())/seconds, perSecond[viewers], groups)
		if bad.Load() > 0 || answers.Load() < int64(viewers) {
			t.Errorf("%d viewers got %d answers and %d failures", viewers, answers.Load(), bad.Load())
		}
	}
	// A level may begin or end within a second, so that each process may read once more. Behind the edge fewer reads are enough: a copy
	// of a second there is made of a snapshot of a second. There must be some, or this test would count another command.
	processes := s.processesOf(t, "queries")
	most := float64(groups*processes) * (1 + 1/watchFor.Seconds())
	for viewers, reads := range perSecond {
		if reads > most || reads < float64(groups)/watchFor.Seconds()/2 {
			t.Errorf("%d viewers cost %.1f reads a second, want at most %.1f: %d groups, once a second by each of %d processes", viewers, reads, most, groups, processes)
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
