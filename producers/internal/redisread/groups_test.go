package redisread_test

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/redisread"
)

// node replies to pipelines of MGET and HMGET from values, and records the commands of each round trip.
type node struct {
	values map[string]string
	// fails is the command, as recorded, that it refuses.
	fails string
	// breaks is the command before whose reply the connection breaks.
	breaks string
	// down refuses every command.
	down  bool
	trips [][]string
}

func (n *node) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nothing is dialled") }
}

func (n *node) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (n *node) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, commands []redis.Cmder) error {
		var trip []string
		var first error
		for _, c := range commands {
			var words []string
			for _, word := range c.Args() {
				words = append(words, word.(string))
			}
			trip = append(trip, strings.Join(words, " "))
			read, ok := c.(*redis.SliceCmd)
			if n.breaks != "" && trip[len(trip)-1] == n.breaks {
				c.SetErr(context.DeadlineExceeded)
				first = errors.Join(first, c.Err())
				continue
			}
			if !ok || n.down || trip[len(trip)-1] == n.fails {
				c.SetErr(refusal("CLUSTERDOWN"))
				first = errors.Join(first, c.Err())
				continue
			}
			keys := words[1:]
			if words[0] == "hmget" {
				keys = []string{words[1] + " " + words[2]}
			}
			var values []any
			for _, key := range keys {
				if value, there := n.values[key]; there {
					values = append(values, value)
				} else {
					values = append(values, nil)
				}
			}
			read.SetVal(values)
		}
		n.trips = append(n.trips, trip)
		return first
	}
}

func (n *node) reader() *redisread.Reader {
	client := redis.NewClient(&redis.Options{})
	client.AddHook(n)
	return redisread.New(client, func() time.Time { return time.UnixMilli(0) })
}

// A connection that breaks after the first replies is a fault of the shard: otherwise each read would take its whole timeout, for
// as long as that lasts.
func TestShardThatBreaksOffOpensItsBreaker(t *testing.T) {
	groups := inLayout(2, "A", "B")
	n := &node{values: map[string]string{"{c#A}:rev": "3.7.2"}, breaks: "mget {c#B}:rev {c#B}:map {c#B}:lag"}
	r := n.reader()
	for range 20 {
		if _, err := r.Groups(t.Context(), groups, ""); err == nil {
			t.Fatal("a read that broke off returned no error")
		}
	}
	if len(n.trips) >= 20 {
		t.Errorf("%d of 20 reads were made", len(n.trips))
	}
}

// refusal is an error reply of the server.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

// inLayout returns groups of one concert in a layout version.
func inLayout(version int, names ...string) []seatstate.GroupVersion {
	var groups []seatstate.GroupVersion
	for _, name := range names {
		groups = append(groups, seatstate.In(contracts.SeatGroup{ConcertID: "c", Group: name}, version))
	}
	return groups
}

// Maps, lags and the order's record in each group are read in one round trip, the record after the map of its group: then the
// record of a hold that the map shows is seen.
func TestGroupsReturnRecordOfOrder(t *testing.T) {
	const order = contracts.OrderID("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4")
	groups := inLayout(2, "A", "B", "C")
	n := &node{values: map[string]string{
		"{c#A}:rev": "3.7.2", "{c#A}:map": "\x40", "{c#A}:lag": "1500",
		"{c#A}:orders " + string(order): seatstate.Record{State: seatstate.RecordHeld, Version: 1, Hash: "h", HeldAt: 1, HoldExpiresAt: 2, Lapses: 3, Places: []int{0}}.String(),
		"{c#B}:rev":                     "4.0.2", "{c#B}:orders " + string(order): seatstate.Record{State: seatstate.RecordForwarded, Hash: "h", To: "A:1"}.String(),
	}}
	got, err := n.reader().Groups(t.Context(), groups, order)
	want := []admission.GroupState{
		{Snapshot: seatstate.Snapshot{Loaded: true, Revision: seatstate.Revision{Epoch: 3, Rev: 7, LayoutVersion: 2}, Map: seatstate.SeatMap{0x40}}, Lag: 1500 * time.Millisecond, LagKnown: true, Order: seatstate.RecordHeld},
		{Snapshot: seatstate.Snapshot{Loaded: true, Revision: seatstate.Revision{Epoch: 4, LayoutVersion: 2}, Map: seatstate.SeatMap{}}, Order: seatstate.RecordForwarded},
		{},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	id := string(order)
	trip := []string{
		"mget {c#A}:rev {c#A}:map {c#A}:lag", "hmget {c#A}:orders " + id,
		"mget {c#B}:rev {c#B}:map {c#B}:lag", "hmget {c#B}:orders " + id,
		"mget {c#C}:rev {c#C}:map {c#C}:lag", "hmget {c#C}:orders " + id,
	}
	if len(n.trips) != 1 || !slices.Equal(n.trips[0], trip) {
		t.Errorf("asked %q, want %q", n.trips, trip)
	}
	n.trips = nil
	maps, err := n.reader().Maps(t.Context(), groups)
	if err != nil || len(maps) != 3 || !reflect.DeepEqual(maps[0], want[0].Snapshot) {
		t.Errorf("maps %+v, %v", maps, err)
	}
	if len(n.trips) != 1 || len(n.trips[0]) != 3 {
		t.Errorf("for the maps alone it asked %q", n.trips)
	}
}

// A group that was not read as a whole is not loaded, since without its record an order could be refused for its own hold. The
// others are returned, and the error names the group.
func TestGroupIsReadWhollyOrNotAtAll(t *testing.T) {
	const order = contracts.OrderID("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4")
	groups := inLayout(2, "A", "B")
	good := map[string]string{"{c#A}:rev": "3.7.2", "{c#B}:rev": "4.0.2"}
	for name, n := range map[string]*node{
		"a record is refused":       {values: good, fails: "hmget {c#B}:orders " + string(order)},
		"a map is refused":          {values: good, fails: "mget {c#B}:rev {c#B}:map {c#B}:lag"},
		"a record does not parse":   {values: map[string]string{"{c#A}:rev": "3.7.2", "{c#B}:rev": "4.0.2", "{c#B}:orders " + string(order): "held"}},
		"a revision does not parse": {values: map[string]string{"{c#A}:rev": "3.7.2", "{c#B}:rev": "3"}},
	} {
		r := n.reader()
		// However often this happens: the others of its shard are read.
		for range 20 {
			got, err := r.Groups(t.Context(), groups, order)
			if err == nil || !strings.Contains(err.Error(), "c#B") || len(got) != 2 || !got[0].Loaded || !reflect.DeepEqual(got[1], admission.GroupState{}) {
				t.Fatalf("%s: got %+v, %v", name, got, err)
			}
		}
	}
	n := &node{values: good, down: true}
	if got, err := n.reader().Groups(t.Context(), groups, order); err == nil || got != nil {
		t.Errorf("nothing answers: got %+v, %v", got, err)
	}
	if got, err := n.reader().Groups(t.Context(), nil, order); err != nil || len(got) != 0 {
		t.Errorf("nothing is asked: got %+v, %v", got, err)
	}
}

// The records alone are a third of the commands, in one round trip.
func TestRecordsAreOneRoundTrip(t *testing.T) {
	const order = contracts.OrderID("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4")
	groups := []contracts.SeatGroup{{ConcertID: "c", Group: "A"}, {ConcertID: "c", Group: "B"}, {ConcertID: "c", Group: "C"}}
	n := &node{
		values: map[string]string{"{c#B}:orders " + string(order): seatstate.Record{State: seatstate.RecordForwarded, Hash: "h", To: "A:1"}.String()},
		fails:  "hmget {c#C}:orders " + string(order),
	}
	got, err := n.reader().Records(t.Context(), groups, order)
	want := []admission.Record{{Known: true}, {Known: true, Order: seatstate.RecordForwarded}, {}}
	if err == nil || !strings.Contains(err.Error(), "c#C") || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	id := string(order)
	if trip := []string{"hmget {c#A}:orders " + id, "hmget {c#B}:orders " + id, "hmget {c#C}:orders " + id}; len(n.trips) != 1 || !slices.Equal(n.trips[0], trip) {
		t.Errorf("asked %q, want %q", n.trips, trip)
	}
}
