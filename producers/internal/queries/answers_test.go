package queries_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// slowMaps answers after a second, or ends with the context of its caller.
type slowMaps struct {
	looks atomic.Int64
	// fails is the error of every look.
	fails error
	// panics makes every look panic.
	panics bool
}

func (s *slowMaps) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	s.looks.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.panics {
		panic("a look")
	}
	if s.fails != nil {
		return nil, s.fails
	}
	return make([]seatstate.Snapshot, len(groups)), nil
}

// ask sends requests at once, each with its context, and returns how many got each status. It runs in a synctest bubble.
func ask(t *testing.T, v *venue, maps *slowMaps, contexts ...context.Context) map[int]int {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	c := queries.Concerts{Catalogue: v.concerts, Plans: queries.NewPlans(v, time.Now), Log: log, Now: time.Now}
	router := httpapi.NewRouter(map[string]httpapi.Handler{availabilityRoute: queries.NewAvailability(c, maps).Handle}, log, time.Now)
	statuses := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, ctx := range contexts {
		all.Go(func() {
			response, err := router.Handle(ctx, events.APIGatewayV2HTTPRequest{RouteKey: availabilityRoute, PathParameters: map[string]string{"concertId": "c"}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				statuses[0]++
				return
			}
			statuses[response.StatusCode]++
		})
		synctest.Wait()
	}
	all.Wait()
	return statuses
}

func many(ctx context.Context, n int) (all []context.Context) {
	for range n {
		all = append(all, ctx)
	}
	return all
}

func TestConcurrentRequestsShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		maps := &slowMaps{}
		if got := ask(t, newVenue(t), maps, many(t.Context(), 50)...); got[http.StatusOK] != 50 || maps.looks.Load() != 1 {
			t.Errorf("%v after %d looks", got, maps.looks.Load())
		}
	})
}

// While Redis is away, those that waited for a read share its error: they do not each wait for another one.
func TestConcurrentRequestsShareAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		maps := &slowMaps{fails: errors.New("connection refused")}
		if got := ask(t, newVenue(t), maps, many(t.Context(), 50)...); got[http.StatusServiceUnavailable] != 50 || maps.looks.Load() != 1 {
			t.Errorf("%v after %d looks", got, maps.looks.Load())
		}
	})
}

// A client that goes away takes nobody else's answer with it, whether it reads or waits.
func TestAnEndedRequestIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		maps := &slowMaps{}
		ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		contexts := append([]context.Context{ended}, many(t.Context(), 49)...)
		contexts = append(contexts, ended)
		if got := ask(t, newVenue(t), maps, contexts...); got[http.StatusOK] != 49 || got[http.StatusServiceUnavailable] != 2 || maps.looks.Load() != 2 {
			t.Errorf("%v after %d looks", got, maps.looks.Load())
		}
	})
}

// A panic in the read does not leave the others waiting for ever.
func TestAPanicEndsTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		maps := &slowMaps{panics: true}
		if got := ask(t, newVenue(t), maps, many(t.Context(), 5)...); got[http.StatusOK] != 0 || maps.looks.Load() != 1 {
			t.Errorf("%v after %d looks", got, maps.looks.Load())
		}
	})
}
