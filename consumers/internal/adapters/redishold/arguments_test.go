package redishold_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// good has arguments of each script with which it changes the groups of newTargets.
var good = map[string][]string{
	"hold":    {"3", "300000", "60000", "1789999999000", "fresh", "h", "0,5", "x", "h", "6"},
	"release": {"3", "a", "3"},
	"forward": {"3", "fresh", "h", "B:1"},
	"keep":    {"3", "fresh", "h", "2", "1789999999000", "1790000300000", "60000", "0,5"},
	"sell":    {"3", "fresh", "2", "0,5"},
	"restore": {"3", "fresh", "2", "0,5"},
	"repair":  {"3", "1", "60000", "fresh", "2", "h", "held", "1789999999000", "1790000300000", "0,5", "2", "0", "free", "5", "free"},
	"sweep":   {"3"},
	"state":   {"3"},
	"load":    {"3", "7", "60000", "10", "2", "0", "x", "1", "y", "o", "1", "h", "1790000000000", "1790000300000", "2,3"},
}

// targets has for each script a group that it would change: a group with a hold, an ended order and a sale; for load one
// that is not there and whose lock carries the token.
type targets map[string]seatstate.GroupVersion

func newTargets(t testing.TB, b *backend) targets {
	t.Helper()
	ctx := context.Background()
	loaded, absent := newGroup(), newGroup()
	load(t, b, loaded, holds.Load{Places: 10, Sold: map[int]contracts.OrderID{9: "s"}})
	if _, err := holdtest.Hold(ctx, b, loaded, holds.Ask{Order: "a", Hash: "h", Places: []int{1, 2}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Release(ctx, loaded, "e", 2); err != nil {
		t.Fatal(err)
	}
	if err := b.tick(ctx, absent.SeatGroup); err != nil {
		t.Fatal(err)
	}
	if locked, err := b.Lock(ctx, absent.SeatGroup, 7, 100*holdtest.HoldFor); err != nil || !locked {
		t.Fatalf("lock: %v, %v", locked, err)
	}
	all := targets{}
	for name := range good {
		all[name] = loaded
	}
	all["load"] = absent
	return all
}

// call runs a script without the checks that Go makes.
func (b *backend) call(name string, g seatstate.GroupVersion, args []string) ([]any, error) {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg
	}
	return redishold.Scripts()[name].Run(context.Background(), b.client, seatstate.KeysOf(g.SeatGroup).All(), values...).Slice()
}

// Invalid values for a name, and for a number or a list of places.
var (
	badNames   = []string{"", " ", "a b", "a\x00b", "a,b", "é", strings.Repeat("a", 65)}
	badNumbers = []string{"", " ", "-1", "1.5", "1e3", "0x10", "+7", "nan", "99999999999999999999", "1,,2", ",", "0,0", "0,5 ", "-", "a"}
	names      = []string{"fresh", "h", "a", "x", "y", "o"}
)

func TestScriptsRefuseInvalidArguments(t *testing.T) {
	b := openBackend(t)
	groups := newTargets(t, b)
	for name, args := range good {
		before := dump(t, b.client, groups[name].SeatGroup)
		refused := func(args []string) {
			t.Helper()
			if answer, err := b.call(name, groups[name], args); err != nil || answer[0] != "INVALID" {
				t.Errorf("%s %q: %v, %v; want INVALID", name, args, answer, err)
			}
		}
		for i, arg := range args {
			junk := badNumbers
			if slices.Contains(names, arg) {
				junk = badNames
			}
			for _, bad := range junk {
				mutated := slices.Clone(args)
				mutated[i] = bad
				refused(mutated)
			}
		}
		refused(nil)
		refused(args[1:])
		refused(args[:len(args)-1])
		refused(append(slices.Clone(args), "1"))
		if after := dump(t, b.client, groups[name].SeatGroup); after != before {
			t.Errorf("%s changed the group\nfrom %s\nto %s", name, before, after)
		}
		if answer, err := b.call(name, groups[name], args); err != nil || answer[0] == "INVALID" {
			t.Errorf("%s %q: %v, %v; want it done", name, args, answer, err)
		}
	}
}

// A hold without a row is never freed by a repair, whatever the caller believes to have read: the row may be on its way.
func TestRepairKeepsHoldWithoutRow(t *testing.T) {
	b := openBackend(t)
	g := newTargets(t, b)["repair"]
	state, err := b.State(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"3", "1", "60000", "a", "0", "-", "free", "0", "0", "-", "2", "1", state.Entries[1].String(), "2", state.Entries[2].String()}
	before := dump(t, b.client, g.SeatGroup)
	if answer, err := b.call("repair", g, args); err != nil || answer[0] != "INVALID" {
		t.Errorf("without a row: %v, %v; want INVALID", answer, err)
	}
	wantDump(t, b.client, g.SeatGroup, before)
	args[4] = "1"
	if answer, err := b.call("repair", g, args); err != nil || answer[0] != "OK" || answer[2] != "a" {
		t.Errorf("with a row that has ended: %v, %v; want it done", answer, err)
	}
}

// With any arguments a script ends without a Lua error, and changes nothing when it returns INVALID.
func TestScriptsNeverFailHalfWay(t *testing.T) {
	b := openBackend(t)
	argument := rapid.OneOf(
		rapid.SampledFrom([]string{"", "-", "0", "1", "3", "7", "9", "10", "999", "1000", "300000", "1790000300000", "a", "e", "s", "h", "free", "held", "sold", "nowhere", "sold s", "held a 1790000360000", "0,1", "1,2", "3,4,5", "9,8", "0,0", "-1", "1e3"}),
		rapid.String(),
	)
	rapid.Check(t, func(rt *rapid.T) {
		groups := newTargets(t, b)
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(good))).Draw(rt, "script")
		args := slices.Clone(good[name])
		for range rapid.IntRange(0, 3).Draw(rt, "replaced") {
			args[rapid.IntRange(0, len(args)-1).Draw(rt, "at")] = argument.Draw(rt, "by")
		}
		args = args[rapid.IntRange(0, 1).Draw(rt, "dropped"):]
		args = append(args, rapid.SliceOfN(argument, 0, 7).Draw(rt, "more")...)
		before := dump(t, b.client, groups[name].SeatGroup)
		answer, err := b.call(name, groups[name], args)
		if err != nil {
			rt.Fatalf("%s %q: %v", name, args, err)
		}
		if after := dump(t, b.client, groups[name].SeatGroup); answer[0] == "INVALID" && after != before {
			rt.Fatalf("%s %q is invalid and changed the group\nfrom %s\nto %s", name, args, before, after)
		}
		state, err := inspect(context.Background(), b.client, groups[name].SeatGroup)
		if err == nil {
			err = holdtest.Consistent(state)
		}
		if err != nil {
			rt.Fatalf("after %s %q: %v", name, args, err)
		}
	})
}

// Data of another coding under a group's key stops the scripts before they write anything.
func TestScriptsFailOnForeignDataAndKeepIt(t *testing.T) {
	b := openBackend(t)
	for _, c := range []struct {
		name  string
		spoil func(ctx context.Context, keys seatstate.Keys) *redis.Cmd
	}{
		{"revision of another coding", func(ctx context.Context, k seatstate.Keys) *redis.Cmd { return b.client.Do(ctx, "SET", k.Rev, "7") }},
		{"map of another type", func(ctx context.Context, k seatstate.Keys) *redis.Cmd {
			return b.client.Do(ctx, "EVAL", "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'x')", 1, k.Map)
		}},
		{"entry of another coding", func(ctx context.Context, k seatstate.Keys) *redis.Cmd {
			return b.client.Do(ctx, "HSET", k.Seats, "1", "reserved", "5", "reserved")
		}},
		{"record of another coding", func(ctx context.Context, k seatstate.Keys) *redis.Cmd {
			return b.client.Do(ctx, "HSET", k.Orders, "a", "held 1 h", "fresh", "held 0 h 1 2 3 1,")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			groups := newTargets(t, b)
			if err := c.spoil(t.Context(), seatstate.KeysOf(groups["hold"].SeatGroup)).Err(); err != nil {
				t.Fatal(err)
			}
			before := dump(t, b.client, groups["hold"].SeatGroup)
			for _, name := range []string{"hold", "release", "repair"} {
				if answer, err := b.call(name, groups[name], good[name]); err == nil {
					t.Errorf("%s answered %v, want an error", name, answer)
				}
			}
			wantDump(t, b.client, groups["hold"].SeatGroup, before)
		})
	}
}
