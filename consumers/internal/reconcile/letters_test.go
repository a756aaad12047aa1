package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// visibility is the visibility timeout of a dead-letter queue.
const visibility = 30 * time.Second

// deadQueue is a dead-letter queue like one of SQS: ten messages a receive, and none of a group while one of it is invisible.
type deadQueue struct {
	*memqueue.Queue
	w    *fixture
	name string
	// reasons are those of poison, by message id; left are the ids of the letters that are in the queue.
	reasons map[string]string
	mu      sync.Mutex
	left    map[string]bool
}

// Calls to a dead-letter queue.
const (
	receiveLetters world.Call = "receive letters"
	deleteLetter   world.Call = "delete letter"
)

func newDeadQueue(name string, w *fixture) *deadQueue {
	return &deadQueue{
		Queue: memqueue.New(memqueue.Options{Name: name, Visibility: visibility, Now: func() time.Time { return w.Instant().Time() }}),
		w:     w, name: name, reasons: map[string]string{}, left: map[string]bool{},
	}
}

func (q *deadQueue) Name() string { return q.name }

func (q *deadQueue) Receive(ctx context.Context) ([]reconcile.Letter, error) {
	return world.Do(q.w.World, receiveLetters, []string{q.name}, func() ([]reconcile.Letter, error) {
		messages, err := q.Queue.Receive(ctx, 10)
		letters := make([]reconcile.Letter, len(messages))
		for i, m := range messages {
			letters[i] = reconcile.Letter{Delivery: m.Delivery, Receipt: m.Receipt, Reason: q.reasons[m.MessageID]}
		}
		return letters, err
	})
}

func (q *deadQueue) Delete(ctx context.Context, letter reconcile.Letter) error {
	_, err := world.Do(q.w.World, deleteLetter, []string{q.name, letter.MessageID}, func() (struct{}, error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		err := q.Queue.Delete(ctx, letter.Receipt)
		if err == nil {
			delete(q.left, letter.MessageID)
		}
		return struct{}{}, err
	})
	return err
}

func (q *deadQueue) Postpone(ctx context.Context, letter reconcile.Letter, d time.Duration) error {
	return q.ReturnAfter(ctx, []sqsbatch.Receipt{{MessageID: letter.MessageID, Handle: letter.Receipt}}, d)
}

// refusing is the fault of a letter with this key that the table refuses for good.
func refusing(key string) world.Fault {
	poison := &retry.PoisonError{Reason: "letter_refused", Err: errors.New("ValidationException")}
	return world.Fails(world.KeepLetter).About(key).With(poison).Always()
}

// panickingAt is the fault of a letter with this key whose keep panics.
func panickingAt(key string) world.Fault { return world.Panics(world.KeepLetter).About(key).Always() }

// letter puts a letter into a dead-letter queue.
func (w *fixture) letter(t *testing.T, queue int, group string, a message.Attributes, body, reason string) (id string) {
	t.Helper()
	q := w.dead[queue]
	sent, err := q.Send(t.Context(), message.Encoded{
		Route: message.Route{Group: group, DeduplicationID: fmt.Sprint(len(q.reasons))}, Attributes: a, Body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
	q.reasons[sent.MessageID], q.left[sent.MessageID] = reason, true
	return sent.MessageID
}

// dies puts a message of ours into a dead-letter queue, as SQS moves it.
func (w *fixture) dies(t *testing.T, m message.Message) (id string) {
	t.Helper()
	encoded, err := message.Encode(m, "trace-1")
	if err != nil {
		t.Fatal(err)
	}
	return w.letter(t, 0, encoded.Group, encoded.Attributes, encoded.Body, "")
}

func (w *fixture) inQueues() (n int) {
	for _, q := range w.dead {
		n += len(q.left)
	}
	return n
}

// The order of a dead PlaceOrder gets a row, and each letter is kept before it is deleted, whatever fails in between.
func TestDeadLettersAreDrained(t *testing.T) {
	for _, crash := range []world.Call{"", receiveLetters, world.Put, world.Send, world.KeepLetter, deleteLetter} {
		w := newFixture(t)
		placed := message.Attributes{Kind: message.KindPlaceOrder, OrderID: ordertest.NewID(), UserID: "anna", ConcertID: "nocturne", Group: "A"}
		decided := w.held(t, "A", contracts.Held, w.Instant())
		first := w.letter(t, 0, "nocturne#A", placed, "body of m-1", "malformed")
		again := placed
		again.OrderID = decided.OrderID
		w.letter(t, 0, "nocturne#A", again, "body", "malformed")
		w.letter(t, 1, "nocturne#A", message.Attributes{Kind: message.KindExpireHold, OrderID: ordertest.NewID()}, "body", "malformed")
		w.letter(t, 1, "nocturne#B", message.Attributes{Kind: message.KindPlaceOrder, OrderID: "no order id"}, "body", "malformed")
		void := w.dies(t, message.CancelOrder{OrderID: ordertest.NewID(), ConcertID: "nocturne", Group: "B", CommandID: "c"})
		if crash != "" {
			w.failing(crash)
			report, err := w.run(t)
			if err == nil {
				t.Fatalf("%s: the failure is not reported", crash)
			}
			if w.inQueues()+len(w.Letters()) < 5 {
				t.Errorf("%s: letters are lost: %d in the queues, %d kept", crash, w.inQueues(), len(w.Letters()))
			}
			if report.Left.Letters+report.Left.Queues == 0 {
				t.Errorf("%s: nothing is reported as left: %+v", crash, report)
			}
			w.Heal()
			w.SetTime(w.Instant() + minute)
		}
		report, err := w.run(t)
		if err != nil || w.inQueues() != 0 || len(w.Letters()) != 5 || crash == "" && report.DeadLetters != 5 {
			t.Errorf("after %q: %+v, %v, %d left, %d kept", crash, report, err, w.inQueues(), len(w.Letters()))
		}
		if row := w.WantRow(t, placed.OrderID, contracts.Rejected, 1); row.UserID != "anna" {
			t.Errorf("after %q: the row is of the buyer %q", crash, row.UserID)
		}
		w.WantReason(t, placed.OrderID, contracts.ReasonInternal)
		w.WantRow(t, decided.OrderID, contracts.Held, 1)
		k := w.Letters()[readmodel.DrainedKey(first)]
		if k.Queue != "orders-dead" || k.Reason != "malformed" || k.Body != "body of m-1" || k.SeatGroup != "nocturne#A" ||
			!maps.Equal(k.Attributes, placed.Map()) {
			t.Errorf("kept a letter of %s, %s for %q: %q, %v", k.Queue, k.SeatGroup, k.Reason, k.Body, k.Attributes)
		}
		if k := w.Letters()[readmodel.DrainedKey(void)]; k.Kind != string(message.KindCancelOrder) || k.Reason != "" {
			t.Errorf("kept a letter of kind %q for %q", k.Kind, k.Reason)
		}
		if n := w.kinds()[message.KindVoidPayment]; n < 1 {
			t.Errorf("after %q: %d voids", crash, n)
		}
	}
}

// A message that has to end an order, or to give its authorisation back, and that failed in all its receives leads to a VoidPayment,
// whose handler decides by the row whether there is anything to give back. No other message does, and poison never does.
func TestLettersLeadToVoids(t *testing.T) {
	o := ordertest.NewID()
	authorized := message.PaymentAuthorized{
		OrderID: o, ConcertID: "nocturne", Group: "A", EventID: "evt_1", PaymentIntentID: "pi_late",
		Amount: contracts.Money{Minor: 1, Currency: "EUR"}, Mode: message.ModeTest,
	}
	for _, c := range []struct {
		dead   message.Message
		intent string
		void   bool
		check  bool
	}{
		{dead: message.CancelOrder{OrderID: o, ConcertID: "nocturne", Group: "A", CommandID: "c"}, void: true},
		{dead: message.SettleOrder{OrderID: o, ConcertID: "nocturne", Group: "A", Reason: contracts.ReasonSeatLost, CommandID: "c"}, void: true},
		{dead: message.ExpireHold{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 1}, void: true},
		{dead: message.ExpireHold{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 1, Run: 7}, void: true},
		{dead: message.VoidPayment{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 3}, void: true},
		{dead: message.VoidPayment{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 3, PaymentIntentID: "pi_late"}, intent: "pi_late", void: true},
		{dead: message.VoidPayment{OrderID: o, ConcertID: "nocturne", Group: "A", PaymentIntentID: "pi_late", CauseID: "dlq_before"}, intent: "pi_late", void: true},
		{dead: authorized, intent: "pi_late", void: true, check: true},
		{dead: ordertest.Placed(group("A"), "A-1-1")},
		{dead: message.RebuildGroup{ConcertID: "nocturne", Group: "A", CommandID: "c"}},
		{dead: message.MirrorOrder{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 1}},
		{dead: message.OpenPayment{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 1}},
		{dead: message.CapturePayment{OrderID: o, ConcertID: "nocturne", Group: "A", RowVersion: 1}},
		{dead: message.CheckPayment{OrderID: o, ConcertID: "nocturne", Group: "A", CauseID: "c"}},
		{dead: message.PaymentDeclined{OrderID: o, ConcertID: "nocturne", Group: "A", EventID: "evt_1", At: 1, Code: "c", Text: "t"}},
		{dead: message.FetchEvents{Since: 1, Run: 1}},
		{dead: message.AuditLedger{From: 1, To: 2, Run: 1}},
	} {
		encoded, err := message.Encode(c.dead, "trace-1")
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []struct {
			name       string
			attributes message.Attributes
			body       string
			reason     string
			silent     bool
			intent     string
		}{
			{name: "moved by SQS", attributes: encoded.Attributes, body: encoded.Body, intent: c.intent},
			{name: "without attributes", body: encoded.Body, intent: c.intent},
			// Like a message of a version that this program does not know yet.
			{name: "not to be read", attributes: encoded.Attributes, body: `{"kind":"VoidPayment","v":99}`},
			{name: "poison", attributes: encoded.Attributes, body: encoded.Body, reason: "attempts", silent: true},
			{name: "neither", body: "no JSON", silent: true},
		} {
			w := newFixture(t)
			id := w.letter(t, 1, "some group", how.attributes, how.body, how.reason)
			report, err := w.run(t)
			if err != nil || report.DeadLetters != 1 || len(w.Letters()) != 1 || w.inQueues() != 0 {
				t.Fatalf("%s, %s: %+v, %v", c.dead.Kind(), how.name, report, err)
			}
			cause := "dlq_" + strings.ReplaceAll(id, "-", "")
			var want []message.Message
			if c.void && !how.silent {
				want = append(want, message.VoidPayment{OrderID: o, ConcertID: "nocturne", Group: "A", PaymentIntentID: how.intent, CauseID: cause})
			}
			if c.check && !how.silent {
				want = append(want, message.CheckPayment{OrderID: o, ConcertID: "nocturne", Group: "A", CauseID: cause})
			}
			var got []message.Message
			for _, sent := range w.Sent() {
				m, err := message.Decode(sent.Body)
				if err != nil {
					t.Fatal(err)
				}
				if m.Kind() == message.KindVoidPayment || m.Kind() == message.KindCheckPayment {
					got = append(got, m)
					if how.attributes.Trace != "" && sent.Attributes.Trace != how.attributes.Trace {
						t.Errorf("the trace is lost: %q", sent.Attributes.Trace)
					}
				}
			}
			if !slices.Equal(got, want) || report.Voided != min(len(want), 1) {
				t.Errorf("%s, %s: sent %v, %d counted; want %v", c.dead.Kind(), how.name, got, report.Voided, want)
			}
		}
	}
}

// A failure between the steps of a letter leaves it in its queue; the void that it leads to has the same deduplication id again.
func TestALetterHasOneCause(t *testing.T) {
	for _, crash := range []world.Call{world.KeepLetter, deleteLetter} {
		w := newFixture(t)
		w.dies(t, message.ExpireHold{OrderID: ordertest.NewID(), ConcertID: "nocturne", Group: "A", RowVersion: 1})
		w.failing(crash)
		if _, err := w.run(t); err == nil {
			t.Errorf("%s: the failure is not reported", crash)
		}
		w.Heal()
		w.SetTime(w.Instant() + minute)
		if _, err := w.run(t); err != nil {
			t.Error(err)
		}
		ids := map[string]int{}
		for _, m := range w.Sent() {
			if m.Attributes.Kind == message.KindVoidPayment {
				ids[m.DeduplicationID]++
			}
		}
		if len(ids) != 1 || slices.Collect(maps.Values(ids))[0] != 2 {
			t.Errorf("%s: voids %v, want one cause, sent twice", crash, ids)
		}
	}
}

// A message id that is no UUID makes a cause all the same, of a length that a cause may have.
func TestEveryLetterHasACause(t *testing.T) {
	causes := map[string]bool{}
	ids := []string{"5a2d7e0c-1f43-4a9b-8e6d-c07b91f2a3d5", "m.1", "m 1", strings.Repeat("x", 100), strings.Repeat("x", 101), "ä", "m-1"}
	for _, id := range ids {
		w := newFixture(t)
		q := &oneLetter{letter: reconcile.Letter{Delivery: message.Delivery{MessageID: id, Attributes: message.Attributes{
			Kind: message.KindVoidPayment, OrderID: ordertest.NewID(), ConcertID: "nocturne", Group: "A",
		}}}}
		w.reconciler.DeadLetters = []reconcile.DeadLetterQueue{q}
		if _, err := w.run(t); err != nil || !q.deleted {
			t.Fatalf("%q: %v", id, err)
		}
		for _, m := range w.Sent() {
			if m.Attributes.Kind == message.KindVoidPayment {
				_, cause, _ := strings.Cut(m.DeduplicationID, ":VoidPayment:")
				causes[cause] = true
			}
		}
	}
	if len(causes) != len(ids) || !causes["dlq_5a2d7e0c1f434a9b8e6dc07b91f2a3d5"] {
		t.Errorf("causes %v of %d letters", causes, len(ids))
	}
}

// oneLetter is a queue of one letter.
type oneLetter struct {
	letter  reconcile.Letter
	deleted bool
}

func (q *oneLetter) Name() string { return "one" }
func (q *oneLetter) Receive(context.Context) ([]reconcile.Letter, error) {
	if q.deleted {
		return nil, nil
	}
	return []reconcile.Letter{q.letter}, nil
}
func (q *oneLetter) Delete(context.Context, reconcile.Letter) error {
	q.deleted = true
	return nil
}
func (q *oneLetter) Postpone(context.Context, reconcile.Letter, time.Duration) error { return nil }

// A letter that cannot be kept stays in its queue and is counted. It holds up neither the other groups of the queue nor the letters
// of its own group that are received with it, and once the table has refused it, it is not tried in every run.
func TestALetterThatCannotBeKeptHoldsUpNoOther(t *testing.T) {
	for _, body := range []string{"refused", "panics"} {
		w := newFixture(t)
		a := message.Attributes{Kind: message.KindRebuildGroup, ConcertID: "nocturne", Group: "A"}
		bad := w.letter(t, 0, "first", a, body, "")
		w.Inject(map[string]world.Fault{
			"refused": refusing(readmodel.DrainedKey(bad)), "panics": panickingAt(readmodel.DrainedKey(bad)),
		}[body])
		for i := range 9 {
			w.letter(t, 0, "first", a, fmt.Sprint("beside ", i), "")
		}
		for i := range 40 {
			w.letter(t, 0, fmt.Sprint("group ", i%7), a, fmt.Sprint("good ", i), "")
			w.letter(t, 1, "other", a, fmt.Sprint("elsewhere ", i), "")
		}
		report, err := w.run(t)
		if err == nil || report.DeadLetters != 89 || report.Left.Letters != 1 || len(w.Letters()) != 89 {
			t.Fatalf("%s: %+v, %v, %d kept", body, report, err, len(w.Letters()))
		}
		if w.inQueues() != 1 || !w.dead[0].left[bad] {
			t.Errorf("%s: %d letters are in the queues", body, w.inQueues())
		}
		tries := 0
		for range 60 {
			w.SetTime(w.Instant() + minute)
			if report, _ := w.run(t); report.Left.Letters > 0 {
				tries++
			}
		}
		if body == "refused" && (tries < 3 || tries > 5) {
			t.Errorf("in an hour the letter is tried %d times", tries)
		}
		if body == "panics" && tries != 60 {
			t.Errorf("a letter whose fault is not known is tried in %d of 60 runs", tries)
		}
		if !w.dead[0].left[bad] {
			t.Error("the letter is lost")
		}
	}
}

// A letter that is too long for an item is kept as far as there is room, with a note of what is cut. Its order gets a row.
func TestALetterThatIsTooLongIsKept(t *testing.T) {
	w := newFixture(t)
	const mib = 1 << 20
	a := message.Attributes{
		Kind: message.KindPlaceOrder, OrderID: ordertest.NewID(), UserID: strings.Repeat("u", mib/2), ConcertID: "nocturne", Group: "A",
		Trace: strings.Repeat("t", mib/4),
	}
	id := w.letter(t, 0, "g", a, strings.Repeat("b", mib/2), "")
	dead := message.Attributes{Kind: message.KindVoidPayment, OrderID: a.OrderID, ConcertID: "nocturne", Group: "A", Trace: a.Trace}
	void := w.letter(t, 0, "h", dead, strings.Repeat("b", mib/2), "")
	report, err := w.run(t)
	if err != nil || report.DeadLetters != 2 || w.inQueues() != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, id := range []string{id, void} {
		k := w.Letters()[readmodel.DrainedKey(id)]
		if len(k.Body) != 300<<10 || !strings.Contains(k.Cut["body"], fmt.Sprint(mib/2)) || k.Cut["attributes.trace"] == "" || k.Attributes["orderId"] != string(a.OrderID) {
			t.Errorf("%d bytes of body are kept, cut %v", len(k.Body), k.Cut)
		}
	}
	if row := w.WantRow(t, a.OrderID, contracts.Rejected, 1); row.UserID != "" {
		t.Errorf("the row is of the buyer %.10q", row.UserID)
	}
	voids := 0
	for _, m := range w.Sent() {
		if m.Attributes.Kind == message.KindVoidPayment {
			if voids++; len(m.Attributes.Trace) > 128 {
				t.Error("the void has a trace that no message has room for")
			}
		}
	}
	if voids != 1 {
		t.Errorf("%d voids", voids)
	}
}

// A dead PlaceOrder that can be read gets a row with the hash of its body, so that the same key with another body is refused.
func TestADeadPlaceOrderLeavesItsBodyInTheRow(t *testing.T) {
	w := newFixture(t)
	placed := ordertest.Placed(group("A"), "A-1-1", "A-1-2")
	w.dies(t, placed)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	row := w.WantRow(t, placed.OrderID, contracts.Rejected, 1)
	w.WantReason(t, placed.OrderID, contracts.ReasonInternal)
	if row.RequestHash != placed.RequestHash || row.AcceptedAt != placed.AcceptedAt || !slices.Equal(row.Seats, placed.Seats) {
		t.Errorf("the row has the hash %s, accepted at %d, seats %v", row.RequestHash, row.AcceptedAt, row.Seats)
	}
}

// A store that is down is not called for every letter: they stay, and are drained by the first run after it.
func TestADeadStoreEndsTheDrain(t *testing.T) {
	w := newFixture(t)
	for i := range 200 {
		w.letter(t, 0, fmt.Sprint("group ", i), message.Attributes{}, "body", "")
	}
	w.Down(&retry.BreakerOpenError{Name: "dead-letters"}, world.KeepLetter)
	report, err := w.run(t)
	if calls := w.Count(world.KeepLetter); err == nil || report.DeadLetters != 0 || report.Left.Queues != 1 || calls > 10 {
		t.Errorf("%+v, %v after %d calls", report, err, calls)
	}
	w.Heal()
	w.restart()
	w.SetTime(w.Instant() + minute)
	if report, err := w.run(t); err != nil || report.DeadLetters != 200 || w.inQueues() != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// README.md says of each kind of message what settles it once it is a letter, so that a new kind cannot be forgotten.
func TestEveryKindOfLetterIsSettled(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| Kind | A letter without a reason leads to |")
	for _, kind := range message.Kinds() {
		if !strings.Contains(table, fmt.Sprintf("\n| %s |", kind)) {
			t.Errorf("README.md does not say what settles a %s", kind)
		}
	}
}
