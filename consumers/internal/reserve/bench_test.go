package reserve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// A round of the benchmark: each group has one batch of orders, so that the stores in memory, whose calls read all orders of a
// group, stay fast.
const (
	benchGroups = 300
	benchSeats  = 180 // of a group, as in the arena
	benchBatch  = 10
	benchNow    = contracts.Instant(2_000_000)
)

// BenchmarkOrder is what the function costs an order without I/O: sqsbatch, the decision, row, message, log and
// metrics, for batches of 10. The stores are those in memory; what the same calls of theirs cost alone is measured as
// well and taken off. The budget is 25 µs and 100 allocations. The time is CPU of the whole process, so work on other
// cores and the garbage collector count.
func BenchmarkOrder(b *testing.B) {
	for _, c := range []struct {
		name   string
		groups int // of a batch
		sold   bool
	}{
		{"held, one group", 1, false},
		{"held, ten groups", 10, false},
		{"rejected, one group", 1, true},
		{"rejected, ten groups", 10, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			batches := benchBatches(b, c.groups)
			want := contracts.Held
			if c.sold {
				want = contracts.Rejected
			}
			noted := newRound(b, c.sold)
			noted.recording = true
			noted.handle(b, batches)
			if n := noted.decided[want]; n != benchGroups*benchBatch {
				b.Fatalf("%d orders are %s", n, want)
			}
			var whole, bare spent
			for b.Loop() {
				one, other := newRound(b, c.sold), newRound(b, c.sold)
				whole.add(func() { one.handle(b, batches) })
				bare.add(func() { other.repeat(b, noted.calls) })
			}
			orders := float64(b.N * benchGroups * benchBatch)
			b.ReportMetric(float64((whole.cpu-bare.cpu).Nanoseconds())/1000/orders, "cpu-µs/order")
			b.ReportMetric(float64(whole.allocations-bare.allocations)/orders, "allocs/order")
			b.ReportMetric(float64(bare.cpu.Nanoseconds())/1000/orders, "stores-µs/order")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spent adds up what work cost.
type spent struct {
	cpu         time.Duration
	allocations uint64
}

func (s *spent) add(work func()) {
	runtime.GC() // what came before leaves no garbage to it
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from := processTime()
	work()
	s.cpu += processTime() - from
	runtime.ReadMemStats(&after)
	s.allocations += after.Mallocs - before.Mallocs
}

// processTime is the CPU time of the process so far.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchBatches are batches of orders for one seat each, of so many groups.
func benchBatches(b *testing.B, groups int) []events.SQSEvent {
	b.Helper()
	batches := make([]events.SQSEvent, benchGroups)
	for n := range batches {
		for i := range benchBatch {
			g := (n/groups*groups + i%groups) % benchGroups
			batches[n].Records = append(batches[n].Records, benchRecord(b, g, n%groups*benchBatch+i))
		}
	}
	return batches
}

// benchRecord is a PlaceOrder for one seat as the event source mapping hands it over.
func benchRecord(b *testing.B, g, seat int) events.SQSMessage {
	b.Helper()
	m := ordertest.Placed(benchGroup(g), benchSeat(seat))
	m.UserID = "buyer-" + string(m.OrderID)
	m.AcceptedAt, m.Deadline = benchNow, benchNow.Add(2*time.Minute)
	encoded, err := message.Encode(m, "Root=1-00000000-000000000000000000000000")
	if err != nil {
		b.Fatal(err)
	}
	r := events.SQSMessage{
		MessageId: "message-of-" + string(m.OrderID), ReceiptHandle: "receipt", Body: encoded.Body,
		Attributes: map[string]string{
			"MessageGroupId": encoded.Group, "SequenceNumber": "00000000000000000042",
			"SentTimestamp": strconv.FormatInt(int64(benchNow), 10), "ApproximateReceiveCount": "1",
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
	}
	for name, value := range encoded.Attributes.Map() {
		r.MessageAttributes[name] = events.SQSMessageAttribute{StringValue: &value, DataType: "String"}
	}
	return r
}

func benchGroup(g int) contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: group.ConcertID, Group: fmt.Sprintf("G%03d", g)}
}

func benchSeat(place int) string { return fmt.Sprintf("G-%d-%d", place/20+1, place%20+1) }

type (
	rowStore  = memorder.Store
	holdStore = memhold.Store
)

// round is the function over fresh stores in memory, without a World between them, whose cost would be measured too.
type round struct {
	*rowStore
	*holdStore
	layout readmodel.LayoutGroup

	mu sync.Mutex
	// calls are the ones made of the stores, if they are wanted; decided counts the rows written.
	recording bool
	calls     []func(on *round) error
	decided   map[contracts.Status]int
}

func newRound(b *testing.B, sold bool) *round {
	b.Helper()
	held := memhold.New(func() contracts.Instant { return benchNow }, memhold.Options{HoldFor: holdFor})
	r := &round{rowStore: memorder.New(), holdStore: held, decided: map[contracts.Status]int{}}
	r.layout = readmodel.LayoutGroup{Section: "S", Kind: readmodel.KindSeats, Price: contracts.Money{Minor: 4500, Currency: "EUR"}}
	owners := map[int]contracts.OrderID{}
	for place := range benchSeats {
		r.layout.Seats = append(r.layout.Seats, benchSeat(place))
		if sold {
			owners[place] = "e1abcdefghjkmnpqrstvwxyz00000000"
		}
	}
	for n := range benchGroups {
		g := benchGroup(n)
		if locked, err := r.Lock(b.Context(), g, 1, time.Minute); err != nil || !locked {
			b.Fatal(locked, err)
		}
		if err := r.Load(b.Context(), v1(g), holds.Load{Token: 1, Places: benchSeats, Sold: owners}); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// handle is the function as it is wired for deployment, but for the stores and SQS.
func (r *round) handle(b *testing.B, batches []events.SQSEvent) {
	now := benchNow.Time
	meter := telemetry.NewMeter(io.Discard, "reserve", now)
	urls := map[message.Queue]string{message.QueueExpiries: "expiries", message.QueuePayments: "payments"}
	sender := sqssend.NewShared(sqssend.New(instant{}, urls, retry.NoBreaker{}), sqssend.SharedOptions{})
	place := reserve.Place{Seats: seats.NewStore(r, loaded{}), Orders: r, Catalogue: r, Sender: sender, Pace: r, Meter: meter, Now: now}
	dispatcher := reserve.Dispatcher{Place: place}
	burial := reserve.Burial{Orders: r, DeadLetters: r, Now: now}
	function := sqsbatch.New(dispatcher.Handle, sqssend.New(instant{}, nil, retry.NoBreaker{}).At("orders"), burial.Bury, sqsbatch.Options{
		Runs: &sqsbatch.Runs{Joins: dispatcher.Joins, Handle: dispatcher.HandleRun}, Attempts: &memattempts.Notes{}, Share: sender.Batch,
		Logger: telemetry.NewLogger(io.Discard, "reserve"), Meter: meter,
	})
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	for _, batch := range batches {
		if response, err := function.Handle(ctx, batch); err != nil || len(response.BatchItemFailures) != 0 {
			b.Fatal(response, err)
		}
	}
}

// repeat makes the calls of another round on the stores of this one, and nothing else.
func (r *round) repeat(b *testing.B, calls []func(on *round) error) {
	for _, call := range calls {
		if err := call(r); err != nil {
			b.Fatal(err)
		}
	}
}

func (r *round) record(call func(on *round) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *round) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	if r.recording {
		r.record(func(on *round) error {
			_, err := on.holdStore.Hold(ctx, g, run)
			return err
		})
	}
	return r.holdStore.Hold(ctx, g, run)
}

func (r *round) PutAll(ctx context.Context, puts []order.Order) []order.PutResult {
	results := r.rowStore.PutAll(ctx, puts)
	if r.recording {
		r.record(func(on *round) error {
			on.rowStore.PutAll(ctx, puts)
			return nil
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, result := range results {
			if result.Outcome == order.PutDone {
				r.decided[puts[i].Status]++
			}
		}
	}
	return results
}

func (r *round) Concert(context.Context, string) (readmodel.Concert, error) {
	return readmodel.Concert{ConcertID: group.ConcertID, LayoutVersion: 1, LayoutFrozen: 1}, nil
}

func (r *round) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
	return []readmodel.LayoutGroup{r.layout}, nil
}

// Leave implements reserve.Pace.
func (*round) Leave(context.Context, contracts.Instant) {}

// Copy implements reserve.DeadLetters. Nothing is poison here.
func (*round) Copy(context.Context, message.Delivery, string) error {
	return errors.New("a message was buried")
}

// loaded is the seats.Ensurer of groups that are all loaded.
type loaded struct{}

func (loaded) Ensure(_ context.Context, g seatstate.GroupVersion) error {
	return fmt.Errorf("%s is not loaded", g.Key())
}

func (r *round) LayoutGroup(context.Context, string, int, string) (readmodel.LayoutGroup, error) {
	return r.layout, nil
}

// instant is an SQS client whose sends return at once.
type instant struct{ sqssend.Client }

func (instant) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{Successful: make([]types.SendMessageBatchResultEntry, len(in.Entries))}
	for i, e := range in.Entries {
		out.Successful[i].Id = e.Id
	}
	return out, nil
}

// SendMessage is for one alone.
func (instant) SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, nil
}
