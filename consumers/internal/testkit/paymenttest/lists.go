package paymenttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

// morePages is more than one page of a list.
const morePages = 130

var listPromises = []promise{
	{"undelivered events are fetched, newest first, and mean the same", func(f *fixture) {
		f.b.Miss(f.order)
		c := f.created()
		f.confirm(c, mempay.CardDeclined, false)
		f.confirm(c, mempay.CardGood, true)
		if _, err := f.b.Cancel(f.Context(), f.key("void"), c.ID); err != nil {
			f.Fatal(err)
		}
		var kinds []string
		for _, e := range f.undelivered(f.begin()) {
			m, ours, err := e.Message(Environment)
			if err != nil || !ours {
				f.Fatalf("event %s %s: ours %v, %v", e.ID, e.Type, ours, err)
			}
			kinds = append(kinds, string(m.Kind()))
			if a, ok := m.(message.PaymentAuthorized); ok && (a.Amount != contracts.Money{Minor: 12000, Currency: "EUR"} || a.PaymentIntentID != c.ID || a.Mode != message.ModeTest) {
				f.Errorf("authorised as %+v", a)
			}
		}
		if got := strings.Join(kinds, " "); got != "CheckPayment PaymentAuthorized PaymentDeclined" {
			f.Errorf("events became %q", got)
		}
		if later := f.undelivered(f.b.Now().Add(time.Minute)); len(later) != 0 {
			f.Errorf("since later: %d events", len(later))
		}
	}},
	{"delivered events are not fetched", func(f *fixture) {
		since := f.begin()
		f.authorized()
		f.becomes("the event is delivered", func() bool { return len(f.undelivered(since)) == 0 })
	}},
	{"events are fetched to the end of the list", func(f *fixture) {
		f.b.Miss(f.order)
		c := f.created()
		for range morePages {
			f.confirm(c, mempay.CardDeclined, false)
		}
		f.confirm(c, mempay.CardGood, true)
		events := f.undelivered(f.begin())
		ids := map[string]bool{}
		for n, e := range events {
			ids[e.ID] = true
			if (e.Type == stripeevent.TypeAuthorized) != (n == 0) {
				f.Errorf("event %d is %s", n, e.Type)
			}
		}
		if len(ids) != morePages+1 || len(events) != len(ids) {
			f.Errorf("%d events, %d ids", len(events), len(ids))
		}
	}},
	{"PaymentIntents of a time are listed to the end of the list, each once", func(f *fixture) {
		from, begun := f.begin(), f.b.Now()/1000*1000
		for n := range morePages {
			if _, err := f.b.Create(f.Context(), fmt.Sprintf("%s%d", f.key("pi"), n), f.params()); err != nil {
				f.Fatal(err)
			}
		}
		to := f.b.Now().Add(2 * time.Second)
		within := f.intents(from, to)
		slices.Sort(within)
		if all := len(within); all != morePages || len(slices.Compact(within)) != all {
			f.Errorf("%d PaymentIntents, %d of them different", all, len(slices.Compact(within)))
		}
		if before, after := f.intents(from-60_000, from), f.intents(to, to+60_000); len(before)+len(after) != 0 {
			f.Errorf("%d before and %d after", len(before), len(after))
		}
		// Adjacent ranges, split at a second or inside it, have each PaymentIntent once.
		for _, meet := range []contracts.Instant{begun, begun + 500, begun + 1000} {
			if got := append(f.intents(from, meet), f.intents(meet, to)...); len(got) != morePages {
				f.Errorf("%d in two ranges that meet at %s", len(got), meet)
			}
		}
	}},
	{"a list continues after any of its objects", func(f *fixture) {
		f.b.Miss(f.order)
		c := f.created()
		for range 5 {
			f.confirm(c, mempay.CardDeclined, false)
		}
		begin := f.begin()
		events := f.undelivered(begin)
		for n, e := range events {
			rest, err := f.b.Undelivered(f.Context(), begin, e.ID)
			if err != nil {
				f.Fatal(err)
			}
			if got := f.ours(rest.Events); len(got) != len(events)-1-n || len(got) > 0 && got[0].ID != events[n+1].ID {
				f.Errorf("behind event %d come %d", n, len(got))
			}
		}
		_, err := f.b.Undelivered(f.Context(), begin, "evt_none")
		f.refused("events behind none", err, pay.FailureBug)
		_, err = f.b.Entries(f.Context(), begin, f.b.Now().Add(time.Minute), "pi_none")
		f.refused("PaymentIntents behind none", err, pay.FailureBug)
		all := f.entries(begin, f.b.Now().Add(time.Minute))
		rest, err := f.b.Entries(f.Context(), begin, f.b.Now().Add(time.Minute), all[len(all)-1].ID)
		if err != nil || slices.ContainsFunc(rest.Entries, func(e pay.Entry) bool { return e.ID == c.ID }) {
			f.Errorf("behind the last: %d, %v", len(rest.Entries), err)
		}
	}},
	{"the ledger shows captures, refunds and disputes, whoever made them", func(f *fixture) {
		shows := func(c pay.Created, status string, received, refunded int64, disputed bool) {
			f.Helper()
			one, err := f.b.Entry(f.Context(), c.ID)
			if err != nil {
				f.Fatal(err)
			}
			listed := f.entries(f.begin(), f.b.Now().Add(time.Minute))
			for _, e := range append(listed, one) {
				if e.ID == c.ID && (e.Status != status || e.AmountReceived != received || e.Refunded != refunded || e.Disputed != disputed || e.Metadata[stripeevent.MetadataOrder] != string(f.order)) {
					f.Errorf("%+v, want %s, received %d, refunded %d, disputed %v", e, status, received, refunded, disputed)
				}
			}
			if len(listed) != 1 {
				f.Errorf("listed %d", len(listed))
			}
		}
		c := f.created()
		shows(c, pay.StatusRequiresMethod, 0, 0, false)
		f.confirm(c, mempay.CardGood, true)
		shows(c, pay.StatusRequiresCapture, 0, 0, false)
		if _, err := f.b.Capture(f.Context(), f.key("cap"), c.ID); err != nil {
			f.Fatal(err)
		}
		shows(c, pay.StatusSucceeded, 12000, 0, false)
		f.b.Refund(f, c.ID, 2000)
		shows(c, pay.StatusSucceeded, 12000, 2000, false)
		f.b.Refund(f, c.ID, 1)
		shows(c, pay.StatusSucceeded, 12000, 2001, false)
		f.b.Dispute(f, c.ID)
		shows(c, pay.StatusSucceeded, 12000, 2001, true)
		f.effects("created", "authorized", "captured", "refunded", "refunded", "disputed")

		f.order = newOrder()
		given := f.authorized()
		if _, err := f.b.Cancel(f.Context(), f.key("void"), given.ID); err != nil {
			f.Fatal(err)
		}
		shows(given, pay.StatusCanceled, 0, 0, false)
		_, err := f.b.Entry(f.Context(), "pi_none")
		f.refused("none", err, pay.FailureBug)
	}},
}

// begin returns an instant before the test: the last whole second, since lists count in seconds.
func (f *fixture) begin() contracts.Instant { return (f.b.Now() - 2000) / 1000 * 1000 }

// undelivered returns the events of the fixture's order, newest first.
func (f *fixture) undelivered(since contracts.Instant) (events []stripeevent.Event) {
	f.Helper()
	f.pages(func(after string) (int, string, error) {
		page, err := f.b.Undelivered(f.Context(), since, after)
		events = append(events, f.ours(page.Events)...)
		return len(page.Events), page.Next, err
	})
	return events
}

// ours returns the events of the fixture's order.
func (f *fixture) ours(all []stripeevent.Event) (events []stripeevent.Event) {
	for _, e := range all {
		if e.Data.Object.Metadata[stripeevent.MetadataOrder] == string(f.order) {
			events = append(events, e)
		}
	}
	return events
}

// entries returns the entries of the fixture's order.
func (f *fixture) entries(from, to contracts.Instant) (entries []pay.Entry) {
	f.Helper()
	f.pages(func(after string) (int, string, error) {
		page, err := f.b.Entries(f.Context(), from, to, after)
		for _, e := range page.Entries {
			if e.Metadata[stripeevent.MetadataOrder] == string(f.order) {
				entries = append(entries, e)
			}
		}
		return len(page.Entries), page.Next, err
	})
	return entries
}

// intents returns the PaymentIntent ids of the fixture's order.
func (f *fixture) intents(from, to contracts.Instant) (ids []string) {
	f.Helper()
	for _, e := range f.entries(from, to) {
		ids = append(ids, e.ID)
	}
	return ids
}

// pages reads a list to its end.
func (f *fixture) pages(read func(after string) (n int, next string, err error)) {
	f.Helper()
	seen := map[string]bool{}
	for after := ""; ; {
		n, next, err := read(after)
		switch {
		case err != nil:
			f.Fatal(err)
		case n > 100:
			f.Fatalf("a page of %d", n)
		case next == "":
			return
		case seen[next]:
			f.Fatalf("the list goes on behind %s again", next)
		}
		seen[next], after = true, next
	}
}
