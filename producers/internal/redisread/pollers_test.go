package redisread_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
	"boxoffice/producers/internal/redisread"
)

// house is a catalogue of one concert, and its layout.
type house struct{ page layoutitem.Page }

const availabilityRoute = "GET /api/concerts/{concertId}/availability"

func (h house) Concert(context.Context, string) (readmodel.Concert, bool, error) {
	return readmodel.Concert{ConcertID: "c", LayoutVersion: 2, LayoutFrozen: 2, OffSaleAt: 1 << 50}, true, nil
}

func (h house) Concerts(context.Context) ([]readmodel.Concert, error) { return nil, nil }

func (h house) LayoutItem(context.Context, string, bool) ([]byte, bool, error) {
	body, err := layoutitem.EncodePage(h.page)
	return body, true, err
}

// houseOf has groups of 180 seats with the names of the given groups.
func houseOf(groups []seatstate.GroupVersion) (h house) {
	for _, g := range groups {
		row := readmodel.LayoutRow{Name: "1"}
		for k := range 180 {
			row.Seats = append(row.Seats, fmt.Sprintf("%s-%d", g.Group, k+1))
		}
		h.page.Groups = append(h.page.Groups, readmodel.LayoutGroup{
			Group: g.Group, Section: "s", Kind: readmodel.KindSeats, Seats: row.Seats, Rows: []readmodel.LayoutRow{row},
		})
	}
	return h
}

// reads returns how many commands MGET all nodes have executed.
func reads(t *testing.T, nodes []clusterNode) (calls int) {
	t.Helper()
	for _, n := range nodes {
		info, err := n.client.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			if rest, found := strings.CutPrefix(line, "cmdstat_mget:calls="); found {
				number, _, _ := strings.Cut(rest, ",")
				n, err := strconv.Atoi(number)
				if err != nil {
					t.Fatal(err)
				}
				calls += n
			}
		}
	}
	return calls
}

// A thousand viewers cost Redis the same as one: a process reads each group once a second. The count is that of three real nodes.
func TestReadsDoNotGrowWithPollers(t *testing.T) {
	nodes := threeShards(t)
	client := redisread.NewClient(nodes[0].addr, "", "")
	t.Cleanup(func() { _ = client.Close() })
	if err := redisread.Dial(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	groups := inSecond(groupsOn(t, client, nodes))
	for _, g := range groups {
		keys := seatstate.KeysOf(g.SeatGroup)
		if err := client.MSet(t.Context(), keys.Rev, "1.1.2", keys.Map, string(seatstate.NewSeatMap(180))).Err(); err != nil {
			t.Fatal(err)
		}
	}
	h := houseOf(groups)
	var clock atomic.Int64 // nanoseconds after the start
	now := func() time.Time { return time.UnixMilli(1_790_000_000_000).Add(time.Duration(clock.Load())) }
	const seconds, requestsEach = 3, 4
	for _, pollers := range []int{1, 100, 1000} {
		log := slog.New(slog.DiscardHandler)
		a := queries.NewAvailability(queries.Concerts{Catalogue: h, Plans: queries.NewPlans(h, now), Log: log, Now: now}, redisread.New(client, now))
		router := httpapi.NewRouter(map[string]httpapi.Handler{availabilityRoute: a.Handle}, log, now)
		before := reads(t, nodes)
		var answered, refused atomic.Int64
		var tags sync.Map
		for range seconds {
			start := make(chan struct{})
			var all sync.WaitGroup
			for range pollers {
				all.Go(func() {
					<-start
					for range requestsEach {
						response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: availabilityRoute, PathParameters: map[string]string{"concertId": "c"}})
						if err != nil || response.StatusCode != http.StatusOK || strings.Count(response.Body, `"ready"`) != len(groups) {
							refused.Add(1)
							continue
						}
						answered.Add(1)
						tags.Store(response.Headers["ETag"], true)
					}
				})
			}
			close(start)
			all.Wait()
			clock.Add(int64(time.Second))
		}
		if answered.Load() != int64(pollers*seconds*requestsEach) {
			t.Errorf("%d pollers: %d requests were answered, %d not", pollers, answered.Load(), refused.Load())
		}
		if got, want := reads(t, nodes)-before, seconds*len(groups); got != want {
			t.Errorf("%d pollers: %d reads of groups in %d s, want %d", pollers, got, seconds, want)
		}
		t.Logf("%d pollers, %d requests in %d s: %d reads of groups", pollers, answered.Load(), seconds, reads(t, nodes)-before)
	}
}
