package reserve_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// grown is a fixture whose groups were loaded in the first layout version, of two seats each; the second one has six. No
// RebuildGroup was sent: the first order loads each group anew.
func grown(t *testing.T) *fixture {
	t.Helper()
	w := newFixture(t)
	for i, name := range []string{"A", "B", "C"} {
		g := seatstate.In(contracts.SeatGroup{ConcertID: group.ConcertID, Group: name}, 1)
		token, err := w.Rows.NextToken(t.Context(), g.SeatGroup)
		if err != nil {
			t.Fatal(err)
		}
		if locked, err := w.Holds.Lock(t.Context(), g.SeatGroup, token, time.Minute); err != nil || !locked {
			t.Fatal(i, locked, err)
		}
		// Both places are sold, so that an order that took this group for one of its layout version would find no free place.
		sold := map[int]contracts.OrderID{0: "e1former", 1: "e1former"}
		if err := w.Holds.Load(t.Context(), g, holds.Load{Token: token, Places: 2, Sold: sold}); err != nil {
			t.Fatal(err)
		}
	}
	w.freeze(2)
	return w
}

func (w *fixture) in(version int, m message.PlaceOrder) message.PlaceOrder {
	m.LayoutVersion = version
	return m
}

// A layout grows after its groups were loaded. Its new places are sold, and are not invalid for the whole sale.
func TestALayoutThatGrewAfterItsGroupsWereLoadedIsSold(t *testing.T) {
	for name, m := range map[string]func(w *fixture) message.PlaceOrder{
		"a new place":                           func(w *fixture) message.PlaceOrder { return w.placed("A-1-5", "A-1-6") },
		"a place that another version had sold": func(w *fixture) message.PlaceOrder { return w.placed("A-1-1") },
		"any adjacent seats":                    func(w *fixture) message.PlaceOrder { return w.best("A", 5) },
	} {
		t.Run(name, func(t *testing.T) {
			w := grown(t)
			placed := w.in(2, m(w))
			world.WantDone(t, w.handle(t, placed))
			row := w.WantRow(t, placed.OrderID, contracts.Held, 1)
			if row.Group != "A" || row.LayoutVersion != 2 {
				t.Errorf("the row is in group %s of layout %d, want A of 2", row.Group, row.LayoutVersion)
			}
			state := w.Holds.Inspect(group)
			if state.Revision.LayoutVersion != 2 || state.Revision.Epoch != 2 || len(w.Taken(group)) != len(row.Seats) {
				t.Errorf("revision %v, places %v taken; want those of the order alone in layout 2", state.Revision, w.Taken(group))
			}
		})
	}
}

// The same with the catalogue in its table. The process read the concert before its layout grew and was frozen, and loaded its
// group then; the first order after the mark is held at once, and not only when the cached concert expires.
func TestALayoutThatGrewIsSoldFromItsMarkOn(t *testing.T) {
	s := newServers(t)
	put := func(table string, row any) {
		t.Helper()
		item, err := attributevalue.MarshalMap(row)
		if err == nil {
			_, err = s.dynamo.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	load := func(version, seats int) {
		g := layout()[0]
		g.Seats = g.Seats[:seats]
		body, err := layoutitem.EncodeSeats([]readmodel.LayoutGroup{g})
		if err != nil {
			t.Fatal(err)
		}
		put("layouts", readmodel.LayoutItem{Key: layoutitem.Key(group.ConcertID, version, layoutitem.UseSeats), Body: body})
		put("concerts", readmodel.Concert{ConcertID: group.ConcertID, LayoutVersion: version})
	}
	tables := dynamocatalogue.Tables{Concerts: "concerts", Layouts: "layouts"}
	catalogue := dynamocatalogue.New(s.dynamo, tables, retry.NoBreaker{}, s.Now)
	loader := seats.NewLoader(s.orders, s.orders, catalogue, s.Holds, nil, seats.LoaderOptions{
		Wait: func(context.Context, time.Duration) error { return nil },
	})
	place := func(m message.PlaceOrder) error {
		h := s.fixture.place()
		h.Orders, h.Sender, h.Seats, h.Catalogue = s.orders, s.sender, seats.NewStore(s.Groups(), loader), catalogue
		d := message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: s.Instant()}
		return h.HandleRun(t.Context(), []reserve.Placing{{Delivery: d, Message: m}})[0]
	}
	load(1, 2)
	token, err := s.orders.NextToken(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := s.Holds.Lock(t.Context(), group, token, time.Minute); err != nil || !locked {
		t.Fatal(locked, err)
	}
	if err := s.Holds.Load(t.Context(), v1(group), holds.Load{Token: token, Places: 2}); err != nil {
		t.Fatal(err)
	}
	if c, err := catalogue.Concert(t.Context(), group.ConcertID); err != nil || c.LayoutVersion != 1 {
		t.Fatal(c, err)
	}
	load(2, 6)
	if done, err := catalogue.Freeze(t.Context(), group.ConcertID, 2); err != nil || !done {
		t.Fatal(err)
	}
	m := s.in(2, s.placed("A-1-5", "A-1-6"))
	world.WantDone(t, place(m))
	row, found, err := s.orders.Read(t.Context(), m.OrderID)
	if err != nil || !found || row.Status != contracts.Held || !slices.Equal(s.Taken(group), []int{4, 5}) {
		t.Errorf("row %v: %s, places %v taken (%v)", found, row.Status, s.Taken(group), err)
	}
	if r := s.Holds.Inspect(group).Revision; r.LayoutVersion != 2 || r.Epoch <= token {
		t.Errorf("revision %v, want layout 2 in a later epoch than %d", r, token)
	}
}

// A group in another layout version may have what an order wants, like one that is not loaded: its map is of other seats.
func TestBestAvailableIsSentOnToAGroupInAnotherLayoutVersion(t *testing.T) {
	w := grown(t)
	for _, seat := range []string{"A-1-2", "A-1-4"} {
		world.WantDone(t, w.handle(t, w.in(2, w.placed(seat))))
	}
	w.ForgetSent()
	m := w.in(2, w.best("A", 3))
	world.WantDone(t, w.handle(t, m))
	on := w.sentOn(t)
	if on.Group != "B" {
		t.Fatalf("sent on to %s, want B", on.Group)
	}
	world.WantDone(t, w.handle(t, on))
	if got := w.heldIn("B", m.OrderID); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("places %v of B are held, want 0, 1 and 2", got)
	}
}

// An order of another layout version than the one that is sold is refused. It never held anything, and its group stays as it is:
// no message makes a group go back to another version.
func TestAnOrderOfAnotherLayoutVersionChangesNoGroup(t *testing.T) {
	w := grown(t)
	world.WantDone(t, w.handle(t, w.in(2, w.placed("A-1-5"))))
	before := w.Holds.Inspect(group)
	for _, version := range []int{1, 3} {
		m := w.in(version, w.placed("A-1-1"))
		world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "layout_changed")
		world.WantDone(t, w.handle(t, m)) // its row is there
		best := w.in(version, w.best("A", 2))
		world.WantOutcome(t, w.handle(t, best), retry.ClassRefused, "layout_changed")
		w.WantReason(t, m.OrderID, contracts.ReasonLayoutChanged)
	}
	if after := w.Holds.Inspect(group); after.Revision != before.Revision || len(after.Entries) != 1 {
		t.Errorf("revision %v and entries %v, want %v and the one hold", after.Revision, after.Entries, before.Revision)
	}
}

// A row of another version is a fault. A message that has to change Redis for it is poison, and the group is not touched; the row
// ends and its authorisation is voided all the same.
func TestARowOfAnotherLayoutVersionIsPoison(t *testing.T) {
	for name, handle := range map[string]func(w *fixture, m message.PlaceOrder) error{
		"cancel": func(w *fixture, m message.PlaceOrder) error { return w.cancel(t, m.OrderID) },
		"settle": func(w *fixture, m message.PlaceOrder) error {
			return w.settle(t, m.OrderID, contracts.ReasonInternal)
		},
		"settle, and the seat is not lost": func(w *fixture, m message.PlaceOrder) error {
			return w.settle(t, m.OrderID, contracts.ReasonSeatLost)
		},
		"mirror": func(w *fixture, m message.PlaceOrder) error {
			d := mirror.Mirror{
				Rows: w.Rows, Seats: w.Seats(), Catalogue: w.Catalogue(), Sender: w.Sender(), Now: w.Now,
			}
			return d.HandleMessage(t.Context(), message.MirrorOrder{
				OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group, RowVersion: 1,
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			m := w.awaiting(t, "A-1-1") // held in the first version, and then the second is frozen all the same
			w.freeze(2)
			world.WantDone(t, w.handle(t, w.in(2, w.placed("A-1-3"))))
			before := w.Holds.Inspect(group)
			w.ForgetSent()
			world.WantOutcome(t, handle(w, m), retry.ClassPoison, "layout_version")
			if after := w.Holds.Inspect(group); after.Revision != before.Revision || len(after.Records) != len(before.Records) {
				t.Errorf("the group was changed from %v to %v", before.Revision, after.Revision)
			}
			if w.Row(t, m.OrderID).Status.Dead() {
				w.WantSent(t, message.KindVoidPayment)
			}
		})
	}
}

// A RebuildGroup replaces a group of another version once, and leaves the one that is sold as it is.
func TestRebuildGroupReplacesAGroupOfAnotherLayoutVersion(t *testing.T) {
	w := grown(t)
	d := reserve.Dispatcher{}
	d.Rebuild.Concerts, d.Rebuild.Groups = w.Catalogue(), w.Seats()
	for i := range 3 {
		encoded, err := message.Encode(message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"}, "")
		if err != nil {
			t.Fatal(err)
		}
		delivery := message.Delivery{Body: encoded.Body, Attributes: encoded.Attributes}
		world.WantDone(t, d.Handle(t.Context(), delivery))
		if r := w.Holds.Inspect(group).Revision; r.LayoutVersion != 2 || r.Epoch != 2 {
			t.Fatalf("after %d messages the revision is %v, want layout 2, loaded once", i+1, r)
		}
	}
}
