package tokenkeys_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts/tokenkeys"
)

func TestStatuses(t *testing.T) {
	set := tokenkeys.Set{{ID: "one"}}
	states := func(now time.Time) []string {
		var all []string
		for _, s := range set.Statuses(now) {
			all = append(all, s.ID+" "+string(s.State))
		}
		return all
	}
	if got := states(start); !slices.Equal(got, []string{"one signing"}) {
		t.Errorf("one key: %v", got)
	}
	set, err := set.Rotate("two", nil, start)
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration][]string{
		0:                         {"one signing", "two waiting"},
		2*time.Hour - time.Second: {"one signing", "two waiting"},
		2 * time.Hour:             {"one replaced", "two signing"},
		50*time.Hour - 1:          {"one replaced", "two signing"},
		50 * time.Hour:            {"one expired", "two signing"},
	} {
		if got := states(start.Add(after)); !slices.Equal(got, want) {
			t.Errorf("%s after the rotation: %v, want %v", after, got, want)
		}
	}
	statuses := set.Statuses(start)
	if got := statuses[0].LeavesAt; !got.Equal(start.Add(50*time.Hour)) || !statuses[1].LeavesAt.IsZero() || !statuses[1].SignsFrom.Equal(start.Add(2*time.Hour)) {
		t.Errorf("%+v", statuses)
	}
}

// The command may be given twice, by a person or by a schedule.
func TestARotationWaitsForTheOneBefore(t *testing.T) {
	set, err := tokenkeys.Set{{ID: "one"}}.Rotate("two", nil, start)
	if err != nil {
		t.Fatal(err)
	}
	var waiting *tokenkeys.WaitingError
	if _, err := set.Rotate("three", nil, start.Add(2*time.Hour-1)); !errors.As(err, &waiting) || waiting.ID != "two" || !waiting.SignsFrom.Equal(start.Add(2*time.Hour)) {
		t.Errorf("while two waits: %v", err)
	}
	if _, err := set.Rotate("two", nil, start.Add(3*time.Hour)); err == nil {
		t.Error("a key was added twice")
	}
	three, err := set.Rotate("three", nil, start.Add(2*time.Hour))
	if err != nil || !slices.Equal(ids(three), []string{"one", "two", "three"}) || !slices.Equal(ids(set), []string{"one", "two"}) {
		t.Errorf("%v, %v; before %v", ids(three), err, ids(set))
	}
}

// gateway keeps the keys that it has fetched for PublishedBefore, as API Gateway may.
type gateway struct {
	fetched time.Time
	kept    []string
}

func (g *gateway) accepts(id string, published tokenkeys.Set, now time.Time) bool {
	if g.kept == nil || now.Sub(g.fetched) >= tokenkeys.PublishedBefore {
		g.fetched, g.kept = now, ids(published)
	}
	return slices.Contains(g.kept, id)
}

// process is a function's process: it reads the secret when it starts, and signs with what it knows until it ends.
type process struct {
	ends time.Time
	keys tokenkeys.Set
}

// Whenever keys are rotated, whatever a gateway keeps and however old the process is that signs, every token is accepted for as
// long as it is valid.
func TestEveryGatewayAcceptsEveryTokenThroughRotations(t *testing.T) {
	const (
		step = 5 * time.Minute
		days = 12
		// lives is how long a process lives at most.
		lives = tokenkeys.KeptAfter
	)
	for _, every := range []time.Duration{2 * time.Hour, 7 * time.Hour, 24 * time.Hour, 49 * time.Hour, 96 * time.Hour} {
		published := tokenkeys.Set{{ID: "key 0"}}
		var gateways [24]gateway
		var processes [12]process
		rotations, signed := 0, map[string]bool{}
		for now := start; now.Before(start.Add(days * 24 * time.Hour)); now = now.Add(step) {
			if now.Sub(start) >= time.Duration(rotations+1)*every {
				rotations++
				next, err := published.Rotate(fmt.Sprintf("key %d", rotations), nil, now)
				if err != nil {
					t.Fatal(err)
				}
				published = next
			}
			if most := 3 + int(tokenkeys.KeptAfter/every); len(published) > most {
				t.Fatalf("every %s: %d keys are published, want at most %d", every, len(published), most)
			}
			for i := range processes {
				// The processes start and end at different times, and so do the caches of the gateways.
				if p := &processes[i]; p.keys == nil {
					p.ends, p.keys = start.Add(lives*time.Duration(i+1)/time.Duration(len(processes))), published
				} else if !now.Before(p.ends) {
					p.ends, p.keys = now.Add(lives), published
				}
				// A token is used from its signature to the end of its life.
				for _, age := range []time.Duration{0, tokenkeys.TTL} {
					key, found := processes[i].keys.Signing(now.Add(-age))
					if !found {
						t.Fatal("no key signs")
					}
					signed[key.ID] = true
					for g := range gateways {
						if now.Sub(start) < time.Duration(g)*step {
							continue // it has not begun yet
						}
						if !gateways[g].accepts(key.ID, published, now) {
							t.Fatalf("every %s: %s after the start gateway %d refuses a token of %s, %s old", every, now.Sub(start), g, key.ID, age)
						}
					}
				}
			}
		}
		if rotations < 2 || len(signed) < 2 {
			t.Errorf("every %s: %d rotations, %d keys signed", every, rotations, len(signed))
		}
	}
}
