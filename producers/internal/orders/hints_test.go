package orders_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/orders"
	"boxoffice/producers/internal/redisread"
)

// server replies to the reads of Redis, and counts the round trips and the commands of each kind.
type server struct {
	mu    sync.Mutex
	full  bool
	where string // the group that has a record of the order
	down  bool
	dead  string // the group whose commands fail
	trips int
	mget  int
	hmget int
}

func (s *server) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nothing is dialled") }
}

// ProcessHook replies that there is no lag of payments.
func (s *server) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, command redis.Cmder) error { command.SetErr(redis.Nil); return redis.Nil }
}

func (s *server) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, commands []redis.Cmder) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.trips++
		for _, c := range commands {
			read, ok := c.(*redis.SliceCmd)
			switch key := fmt.Sprint(c.Args()[1]); {
			case !ok || s.down:
				c.SetErr(errors.New("connection refused"))
			case s.dead != "" && strings.HasPrefix(key, "{c#"+s.dead+"}"):
				c.SetErr(refusal("CLUSTERDOWN Hash slot not served"))
			case c.Name() == "mget":
				s.mget++
				seats := "\x00"
				if s.full {
					seats = "\x55"
				}
				read.SetVal([]any{"1.1.2", seats, nil})
			case c.Name() == "hmget":
				s.hmget++
				read.SetVal([]any{nil})
				if s.where != "" && strings.HasPrefix(key, "{c#"+s.where+"}") {
					read.SetVal([]any{seatstate.Record{State: seatstate.RecordHeld, Version: 1, Hash: "h", HeldAt: 1, HoldExpiresAt: 2, Lapses: 3, Places: []int{0}}.String()})
				}
			}
		}
		if s.down {
			return errors.New("connection refused")
		}
		return nil
	}
}

// refusal is an error reply of the server.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

// arena is a world of one process with a clock, with so many groups of four seats in such a server.
type arena struct {
	*world
	server *server
	place  orders.Place
	now    time.Time
	mu     sync.Mutex
}

func newArena(groups int) *arena {
	a := &arena{world: &world{}, server: &server{}, now: time.UnixMilli(5000)}
	for i := range groups {
		g := rowOfFour(fmt.Sprintf("G%03d", i), 0)
		if i%2 == 1 {
			g.Section = "t"
		}
		a.hall = append(a.hall, g)
	}
	client := redis.NewClient(&redis.Options{})
	client.AddHook(a.server)
	a.place = orders.Place{
		Catalogue: a, Seats: redisread.New(client, a.clock), Hints: orders.NewHints(), Rows: a, Queue: a, IDs: a, DeadlineAfter: 2 * time.Minute,
		Log: slog.New(slog.DiscardHandler), Now: a.clock,
	}
	return a
}

func (a *arena) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *arena) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

// order posts an order for two adjacent seats of a section, or of any section, and checks its cost and its outcome.
func (a *arena) order(t *testing.T, section string, status, trips, mget, hmget int) string {
	t.Helper()
	*a.server = server{full: a.server.full, where: a.server.where, down: a.server.down, dead: a.server.dead}
	a.sent, a.calls = nil, nil
	body := `{"concertId":"c","bestAvailable":{"quantity":2}}`
	if section != "" {
		body = `{"concertId":"c","bestAvailable":{"section":"` + section + `","quantity":2}}`
	}
	response := postTo(t, a.place, body)
	s := a.server
	if response.StatusCode != status || s.trips != trips || s.mget != mget || s.hmget != hmget {
		t.Errorf("%d after %d round trips of %d MGET and %d HMGET; want %d after %d of %d and %d: %s",
			response.StatusCode, s.trips, s.mget, s.hmget, status, trips, mget, hmget, response.Body)
	}
	group, _ := a.sentTo(t)
	return group
}

// The maps of an arena are read once in half a second. Each order reads its records in the groups that it may be sent to, four at
// most.
func TestMapsAreReadOnceInHalfASecond(t *testing.T) {
	a := newArena(126)
	first := a.order(t, "", http.StatusAccepted, 1, 126, 126)
	for range 10 {
		if again := a.order(t, "", http.StatusAccepted, 1, 0, 4); again != first {
			t.Errorf("the same order was sent to %s and to %s", first, again)
		}
	}
	// The maps are kept per concert, for every section.
	a.order(t, "t", http.StatusAccepted, 1, 0, 4)
	a.pass(500*time.Millisecond - 1)
	a.order(t, "", http.StatusAccepted, 1, 0, 4)
	a.pass(1)
	a.order(t, "", http.StatusAccepted, 1, 126, 126)
	// A clock that was set back makes no map fresh.
	a.pass(-4 * time.Second)
	a.order(t, "", http.StatusAccepted, 1, 126, 126)
}

// Before an order is refused because no seats are shown, all maps are read afresh with its records, and then its row.
func TestKeptMapDoesNotRefuseOrderForItsOwnHold(t *testing.T) {
	a := newArena(126)
	a.server.full = true
	a.order(t, "", http.StatusConflict, 1, 126, 126)
	a.order(t, "", http.StatusConflict, 1, 126, 126)
	if got := strings.Join(a.calls, " "); got != "account" {
		t.Errorf("before it is refused: %s", got)
	}
	a.order(t, "t", http.StatusConflict, 1, 126, 126)
	a.server.where = "G077"
	if group := a.order(t, "", http.StatusAccepted, 1, 126, 126); group != "G077" {
		t.Errorf("an order that holds seats was sent to %q", group)
	}
	// A group of another section has the record of another body.
	a.order(t, "s", http.StatusConflict, 1, 126, 126)
	a.server.where = ""
	a.row = &readmodel.Order{Status: contracts.Held, Version: 1, RequestHash: contracts.RequestHashBest("c", "", 2, 0)}
	if group := a.order(t, "", http.StatusAccepted, 1, 126, 126); group != "" {
		t.Errorf("an order with a row was sent to %q", group)
	}
}

// Seats that came free are available to the next order, whatever was read a moment ago.
func TestKeptMapRefusesNobody(t *testing.T) {
	a := newArena(126)
	a.server.full = true
	a.order(t, "", http.StatusConflict, 1, 126, 126)
	a.server.full = false
	a.order(t, "", http.StatusAccepted, 1, 126, 126)
	a.order(t, "", http.StatusAccepted, 1, 0, 4)
}

// The record of an order is read for each order, and never kept with the maps.
func TestRecordOfOrderIsNotKept(t *testing.T) {
	a := newArena(8)
	elsewhere := a.order(t, "", http.StatusAccepted, 1, 8, 8)
	a.server.where = "G007"
	a.pass(time.Second)
	if group := a.order(t, "", http.StatusAccepted, 1, 8, 8); group != "G007" {
		t.Errorf("it was sent to %s", group)
	}
	a.server.where = ""
	if group := a.order(t, "", http.StatusAccepted, 1, 0, 4); group != elsewhere {
		t.Errorf("another one was sent to %s, want %s", group, elsewhere)
	}
	// One of the groups that it may be sent to has its record.
	a.server.where = elsewhere
	if group := a.order(t, "", http.StatusAccepted, 1, 0, 4); group != elsewhere {
		t.Errorf("it was sent to %s, want %s", group, elsewhere)
	}
}

// Without an answer nothing is kept, and if the records cannot be read, kept maps refuse nobody.
func TestKeptMapsRefuseNobodyWithoutRedis(t *testing.T) {
	a := newArena(8)
	a.server.down = true
	a.order(t, "", http.StatusAccepted, 1, 0, 0)
	a.order(t, "", http.StatusAccepted, 1, 0, 0)
	a.server.down = false
	a.server.full = true
	a.order(t, "", http.StatusConflict, 1, 8, 8)
	a.server.down = true
	if group := a.order(t, "", http.StatusAccepted, 1, 0, 0); group == "" {
		t.Error("nothing was sent")
	}
}

// A group on a dead shard is not loaded: orders for any seats go to the others, and to it only if those show none.
func TestGroupOnDeadShardIsTriedLast(t *testing.T) {
	a := newArena(4)
	a.server.dead = "G001"
	for range 3 {
		// Its commands do not count as answered.
		if group := a.order(t, "", http.StatusAccepted, 1, 3, 3); group == "G001" || group == "" {
			t.Errorf("sent to %q", group)
		}
		a.pass(time.Second)
	}
	a.server.full = true
	if group := a.order(t, "", http.StatusAccepted, 1, 3, 3); group != "G001" {
		t.Errorf("sent to %q", group)
	}
	if group := a.order(t, "s", http.StatusConflict, 1, 3, 3); group != "" {
		t.Errorf("sent to %q", group)
	}
	// Its shard died after its map was read, which showed no seats.
	b := newArena(4)
	b.server.full = true
	b.order(t, "", http.StatusConflict, 1, 4, 4)
	b.server.dead = "G001"
	if group := b.order(t, "", http.StatusAccepted, 1, 3, 3); group != "G001" {
		t.Errorf("sent to %q", group)
	}
}

// An order for any seats that only a dead shard may have is refused like one for named seats there, once the shard has been dead
// for long.
func TestBestOrderIsRefusedWhenOnlyLongDeadShardRemains(t *testing.T) {
	for down, status := range map[time.Duration]int{29 * time.Second: http.StatusAccepted, 30 * time.Second: http.StatusServiceUnavailable} {
		w := &world{down: down, hall: []readmodel.LayoutGroup{rowOfFour("G000", 0), rowOfFour("G001", 0)}, maps: []admission.GroupState{{Snapshot: seatstate.Snapshot{Loaded: true, Map: seatstate.SeatMap{0x55}}}, {}}}
		if response := w.post(t, `{"concertId":"c","bestAvailable":{"quantity":2}}`); response.StatusCode != status || (len(w.sent) == 1) != (status == http.StatusAccepted) {
			t.Errorf("dead for %s: %d %s, %d sent; want %d", down, response.StatusCode, response.Body, len(w.sent), status)
		}
	}
}

// Two requests at a time may read the maps twice; nothing else happens.
func TestHintsAreSafeForConcurrentUse(t *testing.T) {
	a := newArena(8)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				w := &world{hall: a.hall}
				h := a.place
				h.Catalogue, h.Rows, h.Queue, h.IDs = w, w, w, w
				if response := postTo(t, h, `{"concertId":"c","bestAvailable":{"quantity":2}}`); response.StatusCode != http.StatusAccepted {
					t.Errorf("%d %s", response.StatusCode, response.Body)
				}
				a.pass(100 * time.Millisecond)
			}
		})
	}
	all.Wait()
}
