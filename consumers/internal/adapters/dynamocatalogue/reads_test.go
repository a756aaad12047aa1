package dynamocatalogue_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

// world is a catalogue over the emulator with a test clock.
type world struct {
	t      *testing.T
	client *dynamodb.Client
	faults *awsfaults.Faults
	*dynamocatalogue.Catalogue

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config := ministacktest.Load(t)
	w := &world{t: t, now: time.UnixMilli(1_790_000_000_000), faults: awsfaults.Into(&config)}
	w.client = dynamodb.NewFromConfig(config)
	w.Catalogue = dynamocatalogue.New(w.client, tables, retry.NoBreaker{}, func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	})
	return w
}

func (w *world) put(table string, row any) {
	w.t.Helper()
	item, err := attributevalue.MarshalMap(row)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.client.PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// A concert is served from memory for ten seconds and no longer: every process sees a new limit and the end of a sale.
func TestConcertIsReadAgainAfterTenSeconds(t *testing.T) {
	w := newWorld(t)
	limitIs := func(want int) {
		t.Helper()
		if c, err := w.Concert(t.Context(), "nocturne"); c.LimitPerBuyer != want || err != nil {
			t.Errorf("the limit is %d, want %d (%v)", c.LimitPerBuyer, want, err)
		}
	}
	w.put("concerts", readmodel.Concert{ConcertID: "nocturne", LayoutFrozen: 1, LimitPerBuyer: 4})
	limitIs(4)
	w.put("concerts", readmodel.Concert{ConcertID: "nocturne", LayoutFrozen: 1, LimitPerBuyer: 6})
	w.pass(10*time.Second - 1)
	limitIs(4)
	w.pass(1)
	limitIs(6)
	// The second cached read expires as the first did.
	w.put("concerts", readmodel.Concert{ConcertID: "nocturne", LayoutFrozen: 1, LimitPerBuyer: 8})
	w.pass(10 * time.Second)
	limitIs(8)
}

// The mark of the frozen layout is seen at once. No cached concert from before the mark makes a process refuse the first
// orders of a sale or load a group.
func TestConcertWithoutFrozenLayoutIsNotCached(t *testing.T) {
	w := newWorld(t)
	for version, want := range []int{0, 0, 2} {
		w.put("concerts", readmodel.Concert{ConcertID: "nocturne", LayoutVersion: 1 + version, LayoutFrozen: want})
		if c, err := w.Concert(t.Context(), "nocturne"); c.LayoutFrozen != want || c.LayoutVersion != 1+version || err != nil {
			t.Errorf("layout %d, frozen %d, %v; want %d and %d", c.LayoutVersion, c.LayoutFrozen, err, 1+version, want)
		}
	}
}

// Pages of two items; DynamoDB's pages end after 1 MB.
func TestPagesAreReadToTheLast(t *testing.T) {
	w := newWorld(t)
	const n = 5
	for i := range n {
		w.put("concerts", readmodel.Concert{ConcertID: fmt.Sprintf("concert-%d", i)})
	}
	paged := func(operation string) {
		w.faults.Next(operation, awsfaults.Paged(2), awsfaults.Paged(2), awsfaults.Paged(2))
	}
	t.Run("concerts", func(t *testing.T) {
		paged("Scan")
		if concerts, err := w.Concerts(t.Context()); len(concerts) != n || err != nil || w.faults.Left() > 0 {
			t.Errorf("%d of %d concerts, %v, with %d pages left", len(concerts), n, err, w.faults.Left())
		}
	})
}

// consistency records whether each of the next n reads is consistent.
func (w *world) consistency(operation string, n int, read func() error) (consistent []bool) {
	w.t.Helper()
	for range n {
		w.faults.Next(operation, awsfaults.Seen(func(body map[string]any) {
			is, _ := body["ConsistentRead"].(bool)
			consistent = append(consistent, is)
		}))
	}
	before := w.faults.Attempts(operation)
	if err := read(); err != nil || w.faults.Left() > 0 || w.faults.Attempts(operation)-before != n {
		w.t.Errorf("%s: %v, %d reads, want %d", operation, err, w.faults.Attempts(operation)-before, n)
	}
	return consistent
}

// The emulator makes every read consistent, so only the request shows whether DynamoDB would. A layout never changes: it is
// read with the read that costs half, once for all of its groups.
func TestConcertsAreReadConsistentlyAndLayoutsAreNot(t *testing.T) {
	w := newWorld(t)
	w.put("concerts", readmodel.Concert{ConcertID: "nocturne"})
	putLayout(t, w.client, "nocturne", 1, hall(3))
	putLayout(t, w.client, "nocturne", 2, hall(3))
	for _, test := range []struct {
		name, operation string
		read            func() error
		want            []bool
	}{
		{"concert", "GetItem", func() error { _, err := w.Concert(t.Context(), "nocturne"); return err }, []bool{true}},
		{"concerts", "Scan", func() error { _, err := w.Concerts(t.Context()); return err }, []bool{true}},
		{"group", "GetItem", func() error { _, err := w.LayoutGroup(t.Context(), "nocturne", 1, "G-0"); return err }, []bool{false}},
		{"another group", "GetItem", func() error { _, err := w.LayoutGroup(t.Context(), "nocturne", 1, "G-2"); return err }, nil},
		{"the whole layout", "GetItem", func() error { _, err := w.Layout(t.Context(), "nocturne", 1); return err }, nil},
		{"another layout", "GetItem", func() error { _, err := w.Layout(t.Context(), "nocturne", 2); return err }, []bool{false}},
		{"before it is frozen", "GetItem", func() error { return w.Complete(t.Context(), "nocturne", 1) }, []bool{true, true}},
	} {
		if got := w.consistency(test.operation, len(test.want), test.read); !slices.Equal(got, test.want) {
			t.Errorf("%s: consistent %v, want %v", test.name, got, test.want)
		}
	}
}
