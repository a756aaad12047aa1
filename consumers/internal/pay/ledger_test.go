package pay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

var audit = message.AuditLedger{From: 1, To: 2_000_000, Run: 1}

// confirmed is the order at its end, paid.
func (w *world) confirmed() {
	w.t.Helper()
	w.committed()
	w.done(w.capture())
	w.is(contracts.Confirmed)
}

// forced gives the row any status, as no handler would.
func (w *world) forced(s contracts.Status) {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		o.Status = s
		o.Version++
		return o, nil
	})
}

// second is another PaymentIntent of the order, authorised or captured.
func (w *world) second(captured bool) {
	w.t.Helper()
	c := w.made("second", w.with(stripeevent.MetadataOrder, string(w.id)))
	if captured {
		if _, err := w.provider.Capture(w.t.Context(), "captured", c.ID); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) cancelled(id string) {
	w.t.Helper()
	if _, err := w.provider.Cancel(w.t.Context(), "elsewhere", id); err != nil {
		w.t.Fatal(err)
	}
}

// told are the differences that were reported, in their order.
func (w *world) told() (words []string) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		var l struct{ Msg, Reason, PaymentIntentID string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			w.t.Fatal(err)
		}
		if l.Msg == "ledger differs" {
			words = append(words, l.Reason)
			if l.PaymentIntentID == "" {
				w.t.Error("the PaymentIntent is not named")
			}
		}
	}
	return words
}

// voided are the PaymentIntents that are to be given back.
func (w *world) voided() (ids []string) {
	w.t.Helper()
	for _, sent := range w.sent {
		if m, err := message.Decode(sent.Body); err != nil {
			w.t.Fatal(err)
		} else if m, ok := m.(message.VoidPayment); ok {
			ids = append(ids, m.PaymentIntentID)
		}
	}
	slices.Sort(ids)
	return ids
}

// refunds gives the price of some seats back at the dashboard, and disputes asks a bank for it.
func (w *world) refunds(seats int64) {
	w.t.Helper()
	row := w.row()
	if err := w.provider.Refund(row.Payment.IntentID, row.Amount.Minor/int64(len(row.Seats))*seats); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) disputes() {
	w.t.Helper()
	if err := w.provider.Dispute(w.row().Payment.IntentID); err != nil {
		w.t.Fatal(err)
	}
}

// Each thing that can be wrong between Stripe, a row and its tickets has its word, and what is on its way has none. A
// PaymentIntent that pays nothing and could still be paid is given back, whether that is worth a word or not.
func TestEveryDifferenceOfTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*world)
		want string
		void string
	}{
		"an order that waits for its card":   {func(w *world) { w.awaiting() }, "", ""},
		"one that is authorised":             {func(w *world) { w.authorized() }, "", ""},
		"one that is committed":              {func(w *world) { w.committed() }, "", ""},
		"captured, and not yet confirmed":    {func(w *world) { w.confirmed(); w.forced(contracts.Committed) }, "", ""},
		"one that is confirmed":              {func(w *world) { w.confirmed() }, "", ""},
		"one that was given back":            {func(w *world) { w.authorized(); w.cancelOrder(); w.done(w.void()) }, "", ""},
		"refunded, with its tickets gone":    {func(w *world) { w.confirmed(); w.refunds(2); w.ticketless(2); w.forced(contracts.Refunded) }, "", ""},
		"refunded, and a ticket kept":        {func(w *world) { w.confirmed(); w.refunds(1); w.ticketless(1); w.forced(contracts.Refunded) }, "", ""},
		"a seat refunded, its ticket gone":   {func(w *world) { w.confirmed(); w.refunds(1); w.ticketless(1) }, "", ""},
		"committed, and gone":                {func(w *world) { w.cancelled(w.committed().ID) }, "", ""},
		"revoked":                            {func(w *world) { w.cancelled(w.committed().ID); w.done(w.capture()) }, "", ""},
		"left behind by a lost answer":       {func(w *world) { w.foreignOf("left"); w.confirmed() }, "", "pi_1"},
		"left behind before the row has one": {func(w *world) { w.foreignOf("left") }, "", ""},
		"left behind of an ended order":      {func(w *world) { w.foreignOf("left"); w.awaiting(); w.cancelOrder(); w.done(w.void()) }, "", "pi_1"},
		"waiting, and ended":                 {func(w *world) { w.awaiting(); w.cancelOrder() }, "", "pi_1"},
		"asked by its bank, and ended":       {func(w *world) { w.confirm(w.awaiting(), mempay.CardAsks); w.cancelOrder() }, "", "pi_1"},
		"another environment's":              {func(w *world) { w.made("x", map[string]string{stripeevent.MetadataEnvironment: "live"}) }, "", ""},
		"no environment's":                   {func(w *world) { w.made("x", nil) }, "", ""},
		"another environment's, of ours":     {func(w *world) { w.cancelOrder(); w.made("x", w.with(stripeevent.MetadataEnvironment, "live")) }, "", ""},
		"charged in vain, and refunded":      {func(w *world) { w.confirmed(); w.refunds(2); w.ticketless(2); w.forced(contracts.Revoked) }, "", ""},
		"gone, and without an order":         {func(w *world) { w.cancelled(w.made("x", w.with(stripeevent.MetadataOrder, "")).ID) }, "", ""},
		"a row that cannot be read":          {func(w *world) { w.confirmed(); w.forced(contracts.Expired); w.unreadable[w.id] = true }, "", ""},

		"no row":                           {func(w *world) { w.made("x", w.with(stripeevent.MetadataOrder, strings.Repeat("e", 32))) }, "no_row", ""},
		"no order id":                      {func(w *world) { w.made("x", w.with(stripeevent.MetadataOrder, "")) }, "no_row", ""},
		"captured, and expired":            {func(w *world) { w.confirmed(); w.forced(contracts.Expired) }, "charged_without_tickets", ""},
		"captured, and revoked":            {func(w *world) { w.confirmed(); w.forced(contracts.Revoked) }, "charged_without_tickets", ""},
		"captured, revoked, half refunded": {func(w *world) { w.confirmed(); w.refunds(1); w.forced(contracts.Revoked) }, "charged_without_tickets", ""},
		"captured before the commit":       {func(w *world) { w.confirmed(); w.forced(contracts.AwaitingPayment) }, "charged_without_tickets", ""},
		"charged twice":                    {func(w *world) { w.confirmed(); w.second(true) }, "charged_without_tickets", ""},
		"another amount":                   {func(w *world) { w.confirmed(); w.cheaper() }, "charged_another_amount", ""},
		"another currency":                 {func(w *world) { w.confirmed(); w.inFrancs() }, "charged_another_amount", ""},
		"refunded at the dashboard":        {func(w *world) { w.confirmed(); w.refunds(2) }, "refunded_otherwise", ""},
		"partly refunded there":            {func(w *world) { w.confirmed(); w.refunds(1) }, "refunded_otherwise", ""},
		"more refunded than withdrawn":     {func(w *world) { w.confirmed(); w.refunds(2); w.ticketless(1) }, "refunded_otherwise", ""},
		"refunded there, and committed":    {func(w *world) { w.confirmed(); w.refunds(1); w.forced(contracts.Committed) }, "refunded_otherwise", ""},
		"disputed":                         {func(w *world) { w.confirmed(); w.disputes() }, "disputed", ""},
		"refunded, then disputed":          {func(w *world) { w.confirmed(); w.refunds(1); w.disputes() }, "refunded_otherwise disputed", ""},
		"disputed, of an ended order":      {func(w *world) { w.confirmed(); w.disputes(); w.forced(contracts.Revoked) }, "charged_without_tickets disputed", ""},
		"a ticket that is missing":         {func(w *world) { w.confirmed(); w.ticketless(1) }, "tickets_missing", ""},
		"a ticket that is another's":       {func(w *world) { w.confirmed(); w.rows.PutTicket(group, "A-1-2", "another") }, "tickets_missing", ""},
		"refunded, and the money kept":     {func(w *world) { w.confirmed(); w.ticketless(2); w.forced(contracts.Refunded) }, "tickets_missing", ""},
		"confirmed, and not charged":       {func(w *world) { w.committed(); w.forced(contracts.Confirmed) }, "tickets_without_charge", ""},
		"confirmed, and gone":              {func(w *world) { w.cancelled(w.committed().ID); w.forced(contracts.Confirmed) }, "tickets_without_charge", ""},
		"revoked, and the tickets kept":    {func(w *world) { w.cancelled(w.committed().ID); w.forced(contracts.Revoked) }, "tickets_without_charge", ""},
		"authorised, and ended":            {func(w *world) { w.authorized(); w.cancelOrder() }, "authorization_of_ended_order", "pi_1"},
		"a second one that is authorised":  {func(w *world) { w.confirmed(); w.second(false) }, "authorization_of_ended_order", "pi_2"},
		"a second one of a committed":      {func(w *world) { w.committed(); w.second(false) }, "authorization_of_ended_order", "pi_2"},
		"committed for long":               {func(w *world) { w.committed(); w.now += 300_001 }, "committed_for_long", ""},
		"captured, committed for long":     {func(w *world) { w.confirmed(); w.forced(contracts.Committed); w.now += 300_001 }, "committed_for_long", ""},
		"with one left behind, for long":   {func(w *world) { w.foreignOf("left"); w.committed(); w.now += 300_001 }, "committed_for_long", "pi_1"},
		"gone, committed for long":         {func(w *world) { w.cancelled(w.committed().ID); w.now += 300_001 }, "committed_for_long", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.make(w)
			w.calls = nil
			w.done(audit)
			if got := strings.Join(w.told(), " "); got != c.want || w.metric(telemetry.LedgerDifferences) != (c.want != "") {
				t.Errorf("told %q, want %q: %s", got, c.want, w.metrics.String())
			}
			if got := strings.Join(w.voided(), " "); got != c.void {
				t.Errorf("to be given back are %q, want %q", got, c.void)
			}
			if !strings.Contains(w.log.String(), "ledger compared") {
				t.Error("the end is not told")
			}
			// What is given back is no difference any more, and what was told is not told again.
			w.done(audit)
			w.done(message.AuditLedger{From: audit.From, To: audit.To, Run: 2})
			if got := strings.Join(w.told(), " "); got != c.want {
				t.Errorf("after three looks %q are told", got)
			}
			if w.metric(telemetry.LedgerDifferencesKnown) != (c.want != "") {
				t.Errorf("what is known is not counted: %s", w.metrics.String())
			}
		})
	}
}

// ticketless takes tickets of the order away.
func (w *world) ticketless(n int) {
	w.t.Helper()
	for _, seat := range w.row().Seats[:n] {
		w.rows.RemoveTicket(group, seat)
	}
}

// inFrancs makes the row's amount one of another currency.
func (w *world) inFrancs() {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		amount := *o.Amount
		amount.Currency = "CHF"
		o.Amount = &amount
		o.Version++
		return o, nil
	})
}

// foreignOf is a PaymentIntent of the order that nobody was shown.
func (w *world) foreignOf(key string) {
	w.t.Helper()
	params := pay.CreateParams{Amount: *w.row().Amount, Metadata: w.with(stripeevent.MetadataOrder, string(w.id))}
	if _, err := w.provider.Create(w.t.Context(), key, params); err != nil {
		w.t.Fatal(err)
	}
}

// cheaper makes the row's amount another.
func (w *world) cheaper() {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		amount := *o.Amount
		amount.Minor--
		o.Amount = &amount
		o.Version++
		return o, nil
	})
}

// A difference that changes is another one: money that is given back after the first report is reported too.
func TestADifferenceThatChangesIsReportedAgain(t *testing.T) {
	w := newWorld(t)
	w.confirmed()
	w.refunds(1)
	w.done(audit)
	w.done(audit)
	w.refunds(1)
	w.done(audit)
	w.done(audit)
	if got := strings.Join(w.told(), " "); got != "refunded_otherwise refunded_otherwise" {
		t.Errorf("told %q", got)
	}
}

// What can still be paid of an ended order is sent to be given back in every look, each time under another cause: the first
// message may have been lost, or be forgotten by the queue.
func TestEachLookGivesBackAnew(t *testing.T) {
	w := newWorld(t)
	own := w.authorized()
	w.another("second")
	w.cancelOrder()
	seen := map[string]bool{}
	for run := int64(1); run <= 3; run++ {
		w.sent = nil
		w.done(message.AuditLedger{From: 1, To: 2_000_000, Run: run})
		for _, m := range w.sent {
			if seen[m.DeduplicationID] {
				t.Errorf("run %d: %s would be dropped", run, m.DeduplicationID)
			}
			seen[m.DeduplicationID] = true
		}
		if len(w.sent) != 2 {
			t.Fatalf("run %d: sent %s", run, w.sentKinds())
		}
	}
	for _, sent := range w.sent {
		m, err := message.Decode(sent.Body)
		if err != nil {
			t.Fatal(err)
		}
		w.done(m)
	}
	if w.statusOf(own.ID) != pay.StatusCanceled {
		t.Errorf("the order's own is %s", w.statusOf(own.ID))
	}
	w.sent = nil
	w.done(message.AuditLedger{From: 1, To: 2_000_000, Run: 4})
	if len(w.sent) != 0 {
		t.Errorf("what is over is given back again: %s", w.sentKinds())
	}
}

// fill makes many PaymentIntents of this environment and of another, and a few that are of note among them.
func (w *world) fill(ours, others int) (want []string) {
	w.t.Helper()
	for n := range max(ours, others) {
		if n < others {
			w.left(fmt.Sprint("other ", n), w.with(stripeevent.MetadataEnvironment, "live"))
		}
		if n >= ours {
			continue
		}
		c := w.left(fmt.Sprint("own ", n), w.with(stripeevent.MetadataOrder, string(w.id)))
		want = append(want, c.ID)
	}
	return want
}

// left is a PaymentIntent that nobody has paid.
func (w *world) left(key string, metadata map[string]string) pay.Created {
	w.t.Helper()
	c, err := w.provider.Create(w.t.Context(), key, pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: metadata})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// A look at more PaymentIntents than fit a message goes on to its end, each looked at once, and never asks for a row twice in
// one call.
func TestALookOfAnyLengthComesToItsEnd(t *testing.T) {
	for _, c := range []struct{ ours, others, messages int }{{1, 0, 1}, {100, 0, 1}, {101, 0, 1}, {2000, 0, 1}, {2001, 0, 2}, {5000, 0, 3}, {1, 2600, 2}, {2500, 2500, 3}} {
		w := newWorld(t)
		w.cancelOrder()
		want := w.fill(c.ours, c.others)
		slices.Sort(want)
		if got := w.through(audit); got != c.messages {
			t.Errorf("%+v: %d messages", c, got)
		}
		if got := w.voided(); !slices.Equal(got, want) {
			t.Errorf("%+v: %d are given back, want %d", c, len(got), len(want))
		}
	}
}

// Whatever fails in a look, before its effect or after it: each PaymentIntent is given back, each difference is reported, and
// neither is left out for what failed before it.
func TestALookThatFailsMissesNothing(t *testing.T) {
	fill := func(w *world) (want []string) {
		w.confirmed()
		w.refunds(1)
		paid := w.id
		w.id = w.held()
		w.cancelOrder()
		want = w.fill(230, 0)
		// Its own, authorised: a difference in the middle of a page.
		want = append(want, w.another("authorised").ID)
		want = append(want, w.fill2(20)...)
		w.made("none", w.with(stripeevent.MetadataOrder, ""))
		slices.Sort(want)
		_ = paid
		w.calls = nil
		return want
	}
	plain := newWorld(t)
	fill(plain)
	plain.through(audit)
	told := slices.Sorted(slices.Values(plain.told()))
	if strings.Join(told, " ") != "authorization_of_ended_order no_row refunded_otherwise" {
		t.Fatalf("told %v", told)
	}
	for n, call := range plain.calls {
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			want := fill(w)
			w.failAt, w.after = n+1, after
			w.through(audit)
			if got := slices.Compact(w.voided()); !slices.Equal(got, want) {
				t.Errorf("call %d %s, after %v: %d given back, want %d", n+1, call, after, len(got), len(want))
			}
			got := slices.Sorted(slices.Values(w.told()))
			if noted := strings.HasPrefix(call, "known") || strings.HasPrefix(call, "note"); !noted && !slices.Equal(got, told) {
				t.Errorf("call %d %s, after %v: told %v", n+1, call, after, got)
			}
			if !slices.Equal(slices.Compact(got), told) {
				t.Errorf("call %d %s, after %v: told %v", n+1, call, after, got)
			}
		}
	}
}

// A failure in the middle of a page leaves what was compared before it done, and its message goes on from there: what is in
// trouble is at the begin of a message, where it holds up no more than itself.
func TestAFailureInAPageIsWhereTheLookGoesOn(t *testing.T) {
	w := newWorld(t)
	w.confirmed()
	w.refunds(1)
	w.id = w.held()
	w.cancelOrder()
	want := w.fill(10, 0)
	slices.Sort(want)
	w.fail["entry"] = pay.FailureUnknown
	if o := w.handle(audit); o.Class != retry.ClassDone {
		t.Fatalf("got %+v", o)
	}
	if got := w.voided(); !slices.Equal(got, want) {
		t.Errorf("given back are %v, want %v", got, want)
	}
	next, err := message.Decode(w.sent[len(w.sent)-1].Body)
	if m, ok := next.(message.AuditLedger); err != nil || !ok || m.After != "pi_2" {
		t.Fatalf("goes on with %+v, %v", next, err)
	}
	w.fail["entry"] = pay.FailureUnknown
	if o := w.handle(next); o.Class != retry.ClassRetryable {
		t.Errorf("at the begin of a message: %+v", o)
	}
	w.done(next)
	if got := w.told(); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}

// fill2 is fill with other keys.
func (w *world) fill2(n int) (want []string) {
	w.t.Helper()
	for i := range n {
		want = append(want, w.left(fmt.Sprint("more ", i), w.with(stripeevent.MetadataOrder, string(w.id))).ID)
	}
	return want
}

// A row that cannot be read, one or all of a page, stops neither its page nor the look.
func TestARowThatCannotBeReadStopsNoLook(t *testing.T) {
	for _, others := range []int{0, 30} {
		w := newWorld(t)
		w.cancelOrder()
		w.fill(1, 0)
		w.unreadable[w.id] = true
		var want []string
		for n := range others {
			w.id = w.held()
			w.cancelOrder()
			want = append(want, w.left(fmt.Sprint("of another ", n), w.with(stripeevent.MetadataOrder, string(w.id))).ID)
		}
		slices.Sort(want)
		if o := w.handle(audit); o.Class != retry.ClassDone || !w.metric(telemetry.RecordsPassedOver) {
			t.Errorf("%+v, %s", o, w.metrics.String())
		}
		if got := w.voided(); !slices.Equal(got, want) {
			t.Errorf("given back are %v, want %v", got, want)
		}
	}
}

// What moves on between the look at Stripe and the look at the books is no difference, whichever of the two was first.
func TestWhatIsOnItsWayIsNoDifference(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*world)
		at   string
		then func(*world)
	}{
		"confirmed after the list was read": {func(w *world) { w.committed() }, "rows", func(w *world) { w.done(w.capture()) }},
		"given back after the list was read": {func(w *world) { w.authorized() }, "rows", func(w *world) {
			w.cancelOrder()
			w.done(w.void())
		}},
		"revoked after the rows were read":              {func(w *world) { w.cancelled(w.committed().ID); w.now += 300_001 }, "entry", func(w *world) { w.done(w.capture()) }},
		"confirmed at last":                             {func(w *world) { w.committed(); w.now += 300_001 }, "entry", func(w *world) { w.done(w.capture()) }},
		"its tickets withdrawn while they were counted": {func(w *world) { w.cancelled(w.committed().ID) }, "tickets", func(w *world) { w.done(w.capture()) }},
	} {
		w := newWorld(t)
		c.make(w)
		w.before = func(call string) {
			if strings.HasPrefix(call, c.at) {
				w.before = nil
				c.then(w)
			}
		}
		w.done(audit)
		if got := w.told(); len(got) != 0 {
			t.Errorf("%s: told %v", name, got)
		}
		if w.before != nil {
			t.Errorf("%s: nothing happened in between; calls %q", name, w.calls)
		}
	}
}

// Notes that cannot be read or written cost a second report, and never the first.
func TestWithoutNotesADifferenceIsReportedStill(t *testing.T) {
	for _, call := range []string{"known", "note"} {
		w := newWorld(t)
		w.confirmed()
		w.refunds(1)
		w.calls = nil
		w.done(audit)
		at := slices.Index(w.calls, call) + 1
		if at == 0 {
			t.Fatalf("calls %q", w.calls)
		}
		w = newWorld(t)
		w.confirmed()
		w.refunds(1)
		w.calls, w.failAt = nil, at
		if o := w.handle(audit); o.Class != retry.ClassDone || len(w.told()) != 1 {
			t.Errorf("%s: %+v, told %v", call, o, w.told())
		}
		w.done(audit)
		if got := len(w.told()); got > 2 {
			t.Errorf("%s: told %d times", call, got)
		}
	}
}

// A second look that Stripe refuses does not keep the difference from being reported, nor the look at its place.
func TestASecondLookThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.confirmed()
	w.refunds(1)
	w.fail["entry"] = pay.FailureBug
	if o := w.handle(audit); o.Class != retry.ClassDone || len(w.told()) != 1 {
		t.Errorf("%+v, told %v", o, w.told())
	}
	w = newWorld(t)
	w.fail["entries"] = pay.FailureBug
	poison(t, w.handle(audit), "provider_refuses")
}

// The look is left to a later message where time is short, also in the middle of a page, and then goes on from there.
func TestALookWithLittleTime(t *testing.T) {
	w := newWorld(t)
	w.cancelOrder()
	want := w.fill(250, 0)
	slices.Sort(want)
	e, err := message.Encode(audit, "")
	if err != nil {
		t.Fatal(err)
	}
	messages := 0
	for body := e.Body; body != ""; messages++ {
		ctx, cancel := context.WithDeadline(t.Context(), w.now.Time().Add(time.Second))
		sent := len(w.sent)
		o := retry.Classify(w.pay().Handle(ctx, message.Delivery{MessageID: "m-9", Body: body, ReceiveCount: 1}))
		cancel()
		if o.Class != retry.ClassDone {
			t.Fatalf("message %d: %+v", messages, o)
		}
		body = ""
		for _, m := range w.sent[sent:] {
			if m.Attributes.Kind == message.KindAuditLedger {
				body = m.Body
			}
		}
		if messages > 1000 {
			t.Fatal("it never ends")
		}
	}
	if got := w.voided(); !slices.Equal(got, want) || messages != 250 {
		t.Errorf("%d given back in %d messages, want %d", len(got), messages, len(want))
	}
	late := audit
	late.Deadline = w.now
	w = newWorld(t)
	w.fill(2001, 0)
	if got := w.through(late); got != 1 || !w.metric(telemetry.ListsCutShort) {
		t.Errorf("past its deadline: %d messages", got)
	}
}
