package paymenttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/consumers/internal/mempay"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

// morePages is more than fits a page of a list.
const morePages = 130

var listPromises = []promise{
	{"events that were not delivered are fetched, oldest first, and mean the same", func(f *fixture) {
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
		if got := strings.Join(kinds, " "); got != "PaymentDeclined PaymentAuthorized CheckPayment" {
			f.Errorf("events became %q", got)
		}
		if later := f.undelivered(f.b.Now().Add(time.Minute)); len(later) != 0 {
			f.Errorf("since later: %d events", len(later))
		}
	}},
	{"events that were delivered are not fetched", func(f *fixture) {
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
			if (e.Type == stripeevent.TypeAuthorized) != (n == morePages) {
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
		// Ranges that meet, at a second or inside it, have each once.
		for _, meet := range []contracts.Instant{begun, begun + 500, begun + 1000} {
			if got := append(f.intents(from, meet), f.intents(meet, to)...); len(got) != morePages {
				f.Errorf("%d in two ranges that meet at %s", len(got), meet)
			}
		}
	}},
	{"whoever takes may end a list", func(f *fixture) {
		f.b.Miss(f.order)
		f.authorized()
		enough := errors.New("enough")
		taken := 0
		if err := f.b.Undelivered(f.Context(), f.begin(), func(stripeevent.Event) error { taken++; return enough }); !errors.Is(err, enough) || taken != 1 {
			f.Errorf("events: %v after %d", err, taken)
		}
		taken = 0
		if err := f.b.Intents(f.Context(), f.begin(), f.b.Now().Add(time.Minute), func(stripeevent.Intent) error { taken++; return enough }); !errors.Is(err, enough) || taken != 1 {
			f.Errorf("PaymentIntents: %v after %d", err, taken)
		}
	}},
}

// begin is an instant before the test: the last whole second, since lists count in those.
func (f *fixture) begin() contracts.Instant { return (f.b.Now() - 2000) / 1000 * 1000 }

// undelivered are the events of the fixture's order.
func (f *fixture) undelivered(since contracts.Instant) (events []stripeevent.Event) {
	f.Helper()
	err := f.b.Undelivered(f.Context(), since, func(e stripeevent.Event) error {
		if e.Data.Object.Metadata[stripeevent.MetadataOrder] == string(f.order) {
			events = append(events, e)
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return events
}

// intents are the ids of those of the fixture's order.
func (f *fixture) intents(from, to contracts.Instant) (ids []string) {
	f.Helper()
	err := f.b.Intents(f.Context(), from, to, func(i stripeevent.Intent) error {
		if i.Metadata[stripeevent.MetadataOrder] == string(f.order) {
			ids = append(ids, i.ID)
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return ids
}
