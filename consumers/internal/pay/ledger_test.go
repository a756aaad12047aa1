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
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

var audit = message.AuditLedger{From: 1, To: 2_000_000, Run: 1}

// confirmed is the order at its end, paid.
func (w *fixture) confirmed() {
	w.t.Helper()
	w.committed()
	w.done(w.capture())
	w.is(contracts.Confirmed)
}

// forced gives the row any status, which no handler does.
func (w *fixture) forced(s contracts.Status) {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		o.Status = s
		o.Version++
		return o, nil
	})
}

// second is another PaymentIntent of the order, authorised or captured.
func (w *fixture) second(captured bool) {
	w.t.Helper()
	c := w.made("second", w.with(stripeevent.MetadataOrder, string(w.id)))
	if captured {
		if _, err := w.Stripe.Capture(w.t.Context(), "captured", c.ID); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *fixture) cancelled(id string) {
	w.t.Helper()
	if _, err := w.Stripe.Cancel(w.t.Context(), "elsewhere", id); err != nil {
		w.t.Fatal(err)
	}
}

// reported is the differences that were reported, in their order.
func (w *fixture) reported() (words []string) {
	w.t.Helper()
	for line := range strings.Lines(w.Logs.String()) {
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

// voided is the PaymentIntents that VoidPayments were sent for, sorted.
func (w *fixture) voided() (ids []string) {
	w.t.Helper()
	for _, sent := range w.Sent() {
		if sent.Attributes.Kind != message.KindVoidPayment {
			continue
		}
		m, err := message.Decode(sent.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, m.(message.VoidPayment).PaymentIntentID)
	}
	slices.Sort(ids)
	return ids
}

// refunds refunds the price of some seats at the dashboard, and disputes has a cardholder dispute the charge.
func (w *fixture) refunds(seats int64) {
	w.t.Helper()
	row := w.row()
	if err := w.Stripe.Refund(row.Payment.IntentID, row.Amount.Minor/int64(len(row.Seats))*seats); err != nil {
		w.t.Fatal(err)
	}
}

func (w *fixture) disputes() {
	w.t.Helper()
	if err := w.Stripe.Dispute(w.row().Payment.IntentID); err != nil {
		w.t.Fatal(err)
	}
}

// Each difference between Stripe, a row and its tickets has its word, and work that is under way is none. A PaymentIntent that pays
// nothing and could still be paid is given back, whether it is a difference or not.
func TestEveryDifferenceOfTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*fixture)
		want string
		void string
	}{
		"an order that waits for its card":   {func(w *fixture) { w.awaiting() }, "", ""},
		"one that is authorised":             {func(w *fixture) { w.authorized() }, "", ""},
		"one that is committed":              {func(w *fixture) { w.committed() }, "", ""},
		"captured, and not yet confirmed":    {func(w *fixture) { w.confirmed(); w.forced(contracts.Committed) }, "", ""},
		"one that is confirmed":              {func(w *fixture) { w.confirmed() }, "", ""},
		"one that was given back":            {func(w *fixture) { w.authorized(); w.cancelOrder(); w.done(w.void()) }, "", ""},
		"refunded, with its tickets gone":    {func(w *fixture) { w.confirmed(); w.refunds(2); w.ticketless(2); w.forced(contracts.Refunded) }, "", ""},
		"refunded, and a ticket kept":        {func(w *fixture) { w.confirmed(); w.refunds(1); w.ticketless(1); w.forced(contracts.Refunded) }, "", ""},
		"a seat refunded, its ticket gone":   {func(w *fixture) { w.confirmed(); w.refunds(1); w.ticketless(1) }, "", ""},
		"committed, and gone":                {func(w *fixture) { w.cancelled(w.committed().ID) }, "", ""},
		"revoked":                            {func(w *fixture) { w.cancelled(w.committed().ID); w.done(w.capture()) }, "", ""},
		"left behind by a lost answer":       {func(w *fixture) { w.foreignOf("left"); w.confirmed() }, "", "pi_1"},
		"left behind before the row has one": {func(w *fixture) { w.foreignOf("left") }, "", ""},
		"left behind of an ended order":      {func(w *fixture) { w.foreignOf("left"); w.awaiting(); w.cancelOrder(); w.done(w.void()) }, "", "pi_1"},
		"waiting, and ended":                 {func(w *fixture) { w.awaiting(); w.cancelOrder() }, "", "pi_1"},
		"asked by its bank, and ended":       {func(w *fixture) { w.confirm(w.awaiting(), mempay.CardAsks); w.cancelOrder() }, "", "pi_1"},
		"another environment's":              {func(w *fixture) { w.made("x", map[string]string{stripeevent.MetadataEnvironment: "live"}) }, "", ""},
		"no environment's":                   {func(w *fixture) { w.made("x", nil) }, "", ""},
		"another environment's, of ours":     {func(w *fixture) { w.cancelOrder(); w.made("x", w.with(stripeevent.MetadataEnvironment, "live")) }, "", ""},
		"charged in vain, and refunded":      {func(w *fixture) { w.confirmed(); w.refunds(2); w.ticketless(2); w.forced(contracts.Revoked) }, "", ""},
		"gone, and without an order":         {func(w *fixture) { w.cancelled(w.made("x", w.with(stripeevent.MetadataOrder, "")).ID) }, "", ""},
		"a row that cannot be read":          {func(w *fixture) { w.confirmed(); w.forced(contracts.Expired); w.unreadable() }, "", ""},

		"no row":                           {func(w *fixture) { w.made("x", w.with(stripeevent.MetadataOrder, strings.Repeat("e", 32))) }, "no_row", ""},
		"no order id":                      {func(w *fixture) { w.made("x", w.with(stripeevent.MetadataOrder, "")) }, "no_row", ""},
		"captured, and expired":            {func(w *fixture) { w.confirmed(); w.forced(contracts.Expired) }, "charged_without_tickets", ""},
		"captured, and revoked":            {func(w *fixture) { w.confirmed(); w.forced(contracts.Revoked) }, "charged_without_tickets", ""},
		"captured, revoked, half refunded": {func(w *fixture) { w.confirmed(); w.refunds(1); w.forced(contracts.Revoked) }, "charged_without_tickets", ""},
		"captured before the commit":       {func(w *fixture) { w.confirmed(); w.forced(contracts.AwaitingPayment) }, "charged_without_tickets", ""},
		"charged twice":                    {func(w *fixture) { w.confirmed(); w.second(true) }, "charged_without_tickets", ""},
		"another amount":                   {func(w *fixture) { w.confirmed(); w.cheaper() }, "charged_another_amount", ""},
		"another currency":                 {func(w *fixture) { w.confirmed(); w.inFrancs() }, "charged_another_amount", ""},
		"refunded at the dashboard":        {func(w *fixture) { w.confirmed(); w.refunds(2) }, "refunded_otherwise", ""},
		"partly refunded there":            {func(w *fixture) { w.confirmed(); w.refunds(1) }, "refunded_otherwise", ""},
		"more refunded than withdrawn":     {func(w *fixture) { w.confirmed(); w.refunds(2); w.ticketless(1) }, "refunded_otherwise", ""},
		"refunded there, and committed":    {func(w *fixture) { w.confirmed(); w.refunds(1); w.forced(contracts.Committed) }, "refunded_otherwise", ""},
		"disputed":                         {func(w *fixture) { w.confirmed(); w.disputes() }, "disputed", ""},
		"refunded, then disputed":          {func(w *fixture) { w.confirmed(); w.refunds(1); w.disputes() }, "refunded_otherwise disputed", ""},
		"disputed, of an ended order":      {func(w *fixture) { w.confirmed(); w.disputes(); w.forced(contracts.Revoked) }, "charged_without_tickets disputed", ""},
		"a ticket that is missing":         {func(w *fixture) { w.confirmed(); w.ticketless(1) }, "tickets_missing", ""},
		"a ticket that is another's":       {func(w *fixture) { w.confirmed(); w.Rows.PutTicket(group, "A-1-2", "another") }, "tickets_missing", ""},
		"refunded, and the money kept":     {func(w *fixture) { w.confirmed(); w.ticketless(2); w.forced(contracts.Refunded) }, "tickets_missing", ""},
		"confirmed, and not charged":       {func(w *fixture) { w.committed(); w.forced(contracts.Confirmed) }, "tickets_without_charge", ""},
		"confirmed, and gone":              {func(w *fixture) { w.cancelled(w.committed().ID); w.forced(contracts.Confirmed) }, "tickets_without_charge", ""},
		"revoked, and the tickets kept":    {func(w *fixture) { w.cancelled(w.committed().ID); w.forced(contracts.Revoked) }, "tickets_without_charge", ""},
		"authorised, and ended":            {func(w *fixture) { w.authorized(); w.cancelOrder() }, "authorization_of_ended_order", "pi_1"},
		"a second one that is authorised":  {func(w *fixture) { w.confirmed(); w.second(false) }, "authorization_of_ended_order", "pi_2"},
		"a second one of a committed":      {func(w *fixture) { w.committed(); w.second(false) }, "authorization_of_ended_order", "pi_2"},
		"committed for long":               {func(w *fixture) { w.committed(); w.later() }, "committed_for_long", ""},
		"captured, committed for long":     {func(w *fixture) { w.confirmed(); w.forced(contracts.Committed); w.later() }, "committed_for_long", ""},
		"with one left behind, for long":   {func(w *fixture) { w.foreignOf("left"); w.committed(); w.later() }, "committed_for_long", "pi_1"},
		"gone, committed for long":         {func(w *fixture) { w.cancelled(w.committed().ID); w.later() }, "committed_for_long", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			c.make(w)
			w.done(audit)
			if got := strings.Join(w.reported(), " "); got != c.want || w.Metered(telemetry.LedgerDifferences) != (c.want != "") {
				t.Errorf("reported %q, want %q: %s", got, c.want, w.Metrics.String())
			}
			if got := strings.Join(w.voided(), " "); got != c.void {
				t.Errorf("VoidPayments of %q were sent, want %q", got, c.void)
			}
			if !strings.Contains(w.Logs.String(), "ledger compared") {
				t.Error("the log has no line about the end")
			}
			// What is given back is no difference any more, and what was reported is not reported again.
			w.done(audit)
			w.done(message.AuditLedger{From: audit.From, To: audit.To, Run: 2})
			if got := strings.Join(w.reported(), " "); got != c.want {
				t.Errorf("after three comparisons %q were reported", got)
			}
			if w.Metered(telemetry.LedgerDifferencesKnown) != (c.want != "") {
				t.Errorf("what is known is not counted: %s", w.Metrics.String())
			}
		})
	}
}

// ticketless deletes tickets of the order.
func (w *fixture) ticketless(n int) {
	w.t.Helper()
	for _, seat := range w.row().Seats[:n] {
		w.Rows.RemoveTicket(group, seat)
	}
}

// inFrancs makes the row's amount one of another currency.
func (w *fixture) inFrancs() {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		amount := *o.Amount
		amount.Currency = "CHF"
		o.Amount = &amount
		o.Version++
		return o, nil
	})
}

// foreignOf makes a PaymentIntent of the order whose client secret is never shown.
func (w *fixture) foreignOf(key string) {
	w.t.Helper()
	params := pay.CreateParams{Amount: *w.row().Amount, Metadata: w.with(stripeevent.MetadataOrder, string(w.id))}
	if _, err := w.Stripe.Create(w.t.Context(), key, params); err != nil {
		w.t.Fatal(err)
	}
}

// cheaper lowers the row's amount.
func (w *fixture) cheaper() {
	w.t.Helper()
	w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
		amount := *o.Amount
		amount.Minor--
		o.Amount = &amount
		o.Version++
		return o, nil
	})
}

// A difference that changes is another one: a refund after the first report is reported too.
func TestADifferenceThatChangesIsReportedAgain(t *testing.T) {
	w := newFixture(t)
	w.confirmed()
	w.refunds(1)
	w.done(audit)
	w.done(audit)
	w.refunds(1)
	w.done(audit)
	w.done(audit)
	if got := strings.Join(w.reported(), " "); got != "refunded_otherwise refunded_otherwise" {
		t.Errorf("reported %q", got)
	}
}

// A PaymentIntent of an ended order that can still be paid gets a VoidPayment in every comparison, each time under another cause: an
// earlier message may have been lost.
func TestEachComparisonVoidsAnew(t *testing.T) {
	w := newFixture(t)
	own := w.authorized()
	w.another("second")
	w.cancelOrder()
	seen := map[string]bool{}
	for run := int64(1); run <= 3; run++ {
		w.ForgetSent()
		w.done(message.AuditLedger{From: 1, To: 2_000_000, Run: run})
		for _, m := range w.Sent() {
			if seen[m.DeduplicationID] {
				t.Errorf("run %d: %s would be dropped", run, m.DeduplicationID)
			}
			seen[m.DeduplicationID] = true
		}
		if len(w.Sent()) != 2 {
			t.Fatalf("run %d: sent %v", run, w.SentKinds())
		}
	}
	for _, sent := range w.Sent() {
		m, err := message.Decode(sent.Body)
		if err != nil {
			t.Fatal(err)
		}
		w.done(m)
	}
	if w.statusOf(own.ID) != pay.StatusCanceled {
		t.Errorf("the order's own is %s", w.statusOf(own.ID))
	}
	w.ForgetSent()
	w.done(message.AuditLedger{From: 1, To: 2_000_000, Run: 4})
	if len(w.Sent()) != 0 {
		t.Errorf("a cancelled PaymentIntent is given back again: %v", w.SentKinds())
	}
}

// fill makes PaymentIntents of the order and of another environment, and returns the ids of the order's.
func (w *fixture) fill(ours, others int) (want []string) {
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

// left makes a PaymentIntent that is not paid.
func (w *fixture) left(key string, metadata map[string]string) pay.Created {
	w.t.Helper()
	c, err := w.Stripe.Create(w.t.Context(), key, pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: metadata})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// A comparison of more PaymentIntents than one message handles goes on to its end. It compares each once, and never asks for a row
// twice in one call.
func TestAComparisonOfAnyLengthComesToItsEnd(t *testing.T) {
	for _, c := range []struct{ ours, others, messages int }{{1, 0, 1}, {100, 0, 1}, {101, 0, 1}, {2000, 0, 1}, {2001, 0, 2}, {5000, 0, 3}, {1, 2600, 2}, {2500, 2500, 3}} {
		w := newFixture(t)
		w.cancelOrder()
		want := w.fill(c.ours, c.others)
		slices.Sort(want)
		if got := w.through(audit); got != c.messages {
			t.Errorf("%v: %d messages", c, got)
		}
		if got := w.voided(); !slices.Equal(got, want) {
			t.Errorf("%v: %d VoidPayments were sent, want %d", c, len(got), len(want))
		}
	}
}

// Whichever call of a comparison fails, before its effect or after it: each PaymentIntent gets its VoidPayment, each difference is
// reported, and none is left out because of the failure.
func TestAComparisonThatFailsMissesNothing(t *testing.T) {
	fill := func(w *fixture) (want []string) {
		w.confirmed()
		w.refunds(1)
		w.id = w.held()
		w.cancelOrder()
		want = w.fill(230, 0)
		// Its own, authorised: a difference in the middle of a page.
		want = append(want, w.another("authorised").ID)
		want = append(want, w.fill2(20)...)
		w.made("none", w.with(stripeevent.MetadataOrder, ""))
		slices.Sort(want)
		w.ForgetCalls()
		return want
	}
	plain := newFixture(t)
	fill(plain)
	plain.through(audit)
	all := slices.Sorted(slices.Values(plain.reported()))
	if strings.Join(all, " ") != "authorization_of_ended_order no_row refunded_otherwise" {
		t.Fatalf("reported %v", all)
	}
	for n, call := range plain.Calls() {
		for _, fault := range []world.Fault{world.Fails(world.Any).Nth(n + 1), world.LosesAnswer(world.Any).Nth(n + 1)} {
			w := newFixture(t)
			want := fill(w)
			w.Inject(fault)
			w.through(audit)
			if got := slices.Compact(w.voided()); !slices.Equal(got, want) {
				t.Errorf("%s, which is %s: %d VoidPayments were sent, want %d", fault, call, len(got), len(want))
			}
			got := slices.Sorted(slices.Values(w.reported()))
			once := call != world.Known && call != world.Note // without its note a difference is reported twice
			if once && !slices.Equal(got, all) || !slices.Equal(slices.Compact(got), all) {
				t.Errorf("%s, which is %s: reported %v, want %v", fault, call, got, all)
			}
		}
	}
}

// After a failure in the middle of a page, the PaymentIntents before it are done and the next message goes on from there: the one
// that fails is the first of a message, where it holds up only itself.
func TestAComparisonGoesOnFromAFailureInAPage(t *testing.T) {
	w := newFixture(t)
	w.confirmed()
	w.refunds(1)
	w.id = w.held()
	w.cancelOrder()
	want := w.fill(10, 0)
	slices.Sort(want)
	w.Inject(providerFails(world.Entry, pay.FailureUnknown))
	world.WantDone(t, w.handle(audit))
	if got := w.voided(); !slices.Equal(got, want) {
		t.Errorf("VoidPayments of %v were sent, want %v", got, want)
	}
	next := world.SentMessage[message.AuditLedger](t, w.World, len(w.Sent())-1)
	if next.After != "pi_2" {
		t.Fatalf("the next message goes on after %q, want pi_2", next.After)
	}
	w.Inject(providerFails(world.Entry, pay.FailureUnknown))
	world.WantRetryable(t, w.handle(next))
	w.done(next)
	if got := w.reported(); len(got) != 1 {
		t.Errorf("reported %v, want one difference", got)
	}
}

// fill2 is fill with other keys.
func (w *fixture) fill2(n int) (want []string) {
	w.t.Helper()
	for i := range n {
		want = append(want, w.left(fmt.Sprint("more ", i), w.with(stripeevent.MetadataOrder, string(w.id))).ID)
	}
	return want
}

// A row that cannot be read, one or all of a page, stops neither its page nor the comparison.
func TestARowThatCannotBeReadStopsNoComparison(t *testing.T) {
	for _, others := range []int{0, 30} {
		w := newFixture(t)
		w.cancelOrder()
		w.fill(1, 0)
		w.unreadable()
		var want []string
		for n := range others {
			w.id = w.held()
			w.cancelOrder()
			want = append(want, w.left(fmt.Sprint("of another ", n), w.with(stripeevent.MetadataOrder, string(w.id))).ID)
		}
		slices.Sort(want)
		world.WantDone(t, w.handle(audit))
		if !w.Metered(telemetry.RecordsPassedOver) {
			t.Errorf("RecordsPassedOver was not written: %s", w.Metrics.String())
		}
		if got := w.voided(); !slices.Equal(got, want) {
			t.Errorf("VoidPayments of %v were sent, want %v", got, want)
		}
	}
}

// An order that moves on between the reads of Stripe and of its row and tickets is no difference, whichever was read first.
func TestAnOrderThatMovesOnIsNoDifference(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*fixture)
		at   world.Call
		then func(*fixture)
	}{
		"confirmed after the list was read": {func(w *fixture) { w.committed() }, world.ReadMany, func(w *fixture) { w.done(w.capture()) }},
		"given back after the list was read": {func(w *fixture) { w.authorized() }, world.ReadMany, func(w *fixture) {
			w.cancelOrder()
			w.done(w.void())
		}},
		"revoked after the rows were read":              {func(w *fixture) { w.cancelled(w.committed().ID); w.later() }, world.Entry, func(w *fixture) { w.done(w.capture()) }},
		"confirmed at last":                             {func(w *fixture) { w.committed(); w.later() }, world.Entry, func(w *fixture) { w.done(w.capture()) }},
		"its tickets withdrawn while they were counted": {func(w *fixture) { w.cancelled(w.committed().ID) }, world.CountTickets, func(w *fixture) { w.done(w.capture()) }},
	} {
		w := newFixture(t)
		c.make(w)
		happened := false
		w.Meanwhile(c.at, func() { happened = true; c.then(w) })
		w.done(audit)
		if got := w.reported(); len(got) != 0 {
			t.Errorf("%s: reported %v", name, got)
		}
		if !happened {
			t.Errorf("%s: nothing happened in between; calls %q", name, w.Calls())
		}
	}
}

// Notes that cannot be read or written cost a second report, and never the first.
func TestWithoutNotesADifferenceIsStillReported(t *testing.T) {
	for _, fault := range []world.Fault{world.Fails(world.Known), world.Fails(world.Note)} {
		w := newFixture(t)
		w.confirmed()
		w.refunds(1)
		w.Inject(fault)
		world.WantDone(t, w.handle(audit))
		if got := w.reported(); len(got) != 1 || len(w.Heal()) > 0 {
			t.Errorf("%s: reported %v, want one difference and the fault met", fault, got)
		}
		w.done(audit)
		if got := len(w.reported()); got > 2 {
			t.Errorf("%s: reported %d times", fault, got)
		}
	}
}

// If Stripe refuses the second read of a PaymentIntent, the difference is reported all the same, and the comparison goes on.
func TestASecondReadThatIsRefused(t *testing.T) {
	w := newFixture(t)
	w.confirmed()
	w.refunds(1)
	w.Inject(providerFails(world.Entry, pay.FailureBug))
	world.WantDone(t, w.handle(audit))
	if got := w.reported(); len(got) != 1 {
		t.Errorf("reported %v, want one difference", got)
	}
	w = newFixture(t)
	w.Inject(providerFails(world.Entries, pay.FailureBug))
	world.WantOutcome(t, w.handle(audit), retry.ClassPoison, "provider_refuses")
}

// With little time left, also in the middle of a page, another message goes on with the comparison from there.
func TestAComparisonWithLittleTime(t *testing.T) {
	w := newFixture(t)
	w.cancelOrder()
	want := w.fill(250, 0)
	slices.Sort(want)
	e, err := message.Encode(audit, "")
	if err != nil {
		t.Fatal(err)
	}
	messages := 0
	for body := e.Body; body != ""; messages++ {
		ctx, cancel := context.WithDeadline(t.Context(), w.Now().Add(time.Second))
		sent := len(w.Sent())
		err := w.pay().Handle(ctx, message.Delivery{MessageID: "m-9", Body: body, ReceiveCount: 1})
		cancel()
		world.WantDone(t, err)
		body = ""
		for _, m := range w.Sent()[sent:] {
			if m.Attributes.Kind == message.KindAuditLedger {
				body = m.Body
			}
		}
		if messages > 1000 {
			t.Fatal("it never ends")
		}
	}
	if got := w.voided(); !slices.Equal(got, want) || messages != 250 {
		t.Errorf("%d VoidPayments in %d messages, want %d", len(got), messages, len(want))
	}
	late := audit
	late.Deadline = w.Instant()
	w = newFixture(t)
	w.fill(2001, 0)
	if got := w.through(late); got != 1 || !w.Metered(telemetry.ListsCutShort) {
		t.Errorf("past its deadline: %d messages", got)
	}
}
