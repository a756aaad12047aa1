package reserve_test

import (
	"boxoffice/consumers/internal/seats"
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
	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// grown is a world whose groups were loaded in the first layout version, of two seats each; the second one has six. Nothing
// asks for the groups to be loaded anew: the first order does.
func grown(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for i, name := range []string{"A", "B", "C"} {
		g := seatstate.In(contracts.SeatGroup{ConcertID: group.ConcertID, Group: name}, 1)
		token, err := w.rows.NextToken(t.Context(), g.SeatGroup)
		if err != nil {
			t.Fatal(err)
		}
		if locked, err := w.holds.Lock(t.Context(), g.SeatGroup, token, time.Minute); err != nil || !locked {
			t.Fatal(i, locked, err)
		}
		// Both places are sold, so that whoever took this group for its own would find nothing free in it.
		if err := w.holds.Load(t.Context(), g, holds.Load{Token: token, Places: 2, Sold: map[int]contracts.OrderID{0: "e1former", 1: "e1former"}}); err != nil {
			t.Fatal(err)
		}
	}
	w.frozen = 2
	return w
}

func (w *world) in(version int, m message.PlaceOrder) message.PlaceOrder {
	m.LayoutVersion = version
	return m
}

// A layout that grows after its groups were loaded: each new place was invalid, and its order REJECTED(internal), for the
// whole sale.
func TestALayoutThatGrewAfterItsGroupsWereLoadedIsSold(t *testing.T) {
	for name, m := range map[string]func(w *world) message.PlaceOrder{
		"a new place":                           func(w *world) message.PlaceOrder { return w.placed("A-1-5", "A-1-6") },
		"a place that another version had sold": func(w *world) message.PlaceOrder { return w.placed("A-1-1") },
		"any adjacent seats":                    func(w *world) message.PlaceOrder { return w.best("A", 5) },
	} {
		t.Run(name, func(t *testing.T) {
			w := grown(t)
			placed := w.in(2, m(w))
			want(t, w.handle(t, placed), retry.ClassDone, "")
			row := w.row(t, placed.OrderID)
			if row.Status != contracts.Held || row.Group != "A" || row.LayoutVersion != 2 {
				t.Errorf("row %s in group %s of layout %d, want HELD in A of 2", row.Status, row.Group, row.LayoutVersion)
			}
			state := w.holds.Inspect(group)
			if state.Revision.LayoutVersion != 2 || state.Revision.Epoch != 2 || len(w.taken()) != len(row.Seats) {
				t.Errorf("revision %v, places %v taken; want those of the order alone in layout 2", state.Revision, w.taken())
			}
		})
	}
}

// The same with the catalogue in its table. The process has read the concert before its layout grew and was frozen, which is
// when its group was loaded; the first order after the mark is held at once, and not when that memory ends.
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
	catalogue := dynamocatalogue.New(s.dynamo, dynamocatalogue.Tables{Concerts: "concerts", Layouts: "layouts"}, retry.NoBreaker{}, s.clock)
	loader := seats.NewLoader(s.orders, s.orders, catalogue, s.holds, nil, seats.LoaderOptions{Wait: func(context.Context, time.Duration) error { return nil }})
	place := func(m message.PlaceOrder) retry.Outcome {
		h := s.world.place()
		h.Orders, h.Sender, h.Seats, h.Catalogue = s.orders, s.sender, seats.NewStore(s.world, loader), catalogue
		return retry.Classify(h.HandleRun(t.Context(), []reserve.Placing{{Delivery: message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: s.now}, Message: m}})[0])
	}
	load(1, 2)
	token, err := s.orders.NextToken(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := s.holds.Lock(t.Context(), group, token, time.Minute); err != nil || !locked {
		t.Fatal(locked, err)
	}
	if err := s.holds.Load(t.Context(), v1(group), holds.Load{Token: token, Places: 2}); err != nil {
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
	want(t, place(m), retry.ClassDone, "")
	row, found, err := s.orders.Read(t.Context(), m.OrderID)
	if err != nil || !found || row.Status != contracts.Held || !slices.Equal(s.taken(), []int{4, 5}) {
		t.Errorf("row %v: %s, places %v taken (%v)", found, row.Status, s.taken(), err)
	}
	if r := s.holds.Inspect(group).Revision; r.LayoutVersion != 2 || r.Epoch <= token {
		t.Errorf("revision %v, want layout 2 in a later epoch than %d", r, token)
	}
}

// A group that is there in another layout version may have what an order wants, as one that is not loaded: its map is of other
// seats.
func TestBestAvailableIsSentOnToAGroupInAnotherLayoutVersion(t *testing.T) {
	w := grown(t)
	for _, seat := range []string{"A-1-2", "A-1-4"} {
		want(t, w.handle(t, w.in(2, w.placed(seat))), retry.ClassDone, "")
	}
	w.sent = nil
	m := w.in(2, w.best("A", 3))
	want(t, w.handle(t, m), retry.ClassDone, "")
	if len(w.sent) != 1 {
		t.Fatalf("sent %+v, want the order sent on", w.sent)
	}
	next, err := message.Decode(w.sent[0].Body)
	on, ok := next.(message.PlaceOrder)
	if err != nil || !ok || on.Group != "B" {
		t.Fatalf("sent %+v, %v; want it sent on to B", next, err)
	}
	want(t, w.handle(t, on), retry.ClassDone, "")
	if got := w.heldIn("B", m.OrderID); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("places %v of B are held, want 0, 1 and 2", got)
	}
}

// An order of another version than the one that is sold is refused. It never held anything, and its
// group stays as it is: no message makes a group go back to another version.
func TestAnOrderOfAnotherLayoutVersionChangesNoGroup(t *testing.T) {
	w := grown(t)
	want(t, w.handle(t, w.in(2, w.placed("A-1-5"))), retry.ClassDone, "")
	before := w.holds.Inspect(group)
	for _, version := range []int{1, 3} {
		m := w.in(version, w.placed("A-1-1"))
		want(t, w.handle(t, m), retry.ClassRefused, "layout_changed")
		want(t, w.handle(t, m), retry.ClassDone, "") // its row is there
		best := w.in(version, w.best("A", 2))
		want(t, w.handle(t, best), retry.ClassRefused, "layout_changed")
		if row := w.row(t, m.OrderID); row.Reason.Code != contracts.ReasonLayoutChanged {
			t.Errorf("reason %+v", row.Reason)
		}
	}
	if after := w.holds.Inspect(group); after.Revision != before.Revision || len(after.Entries) != 1 {
		t.Errorf("revision %v and entries %v, want %v and the one hold", after.Revision, after.Entries, before.Revision)
	}
}

// A row of another version is a fault. Whatever is to be done for it in Redis is poison, and the group is not touched; its row
// ends and its authorisation is voided all the same.
func TestWhatARowOfAnotherLayoutVersionNeedsInRedisIsPoison(t *testing.T) {
	for name, handle := range map[string]func(w *world, m message.PlaceOrder) retry.Outcome{
		"cancel": func(w *world, m message.PlaceOrder) retry.Outcome { return w.cancel(t, m.OrderID) },
		"settle": func(w *world, m message.PlaceOrder) retry.Outcome {
			return w.settle(t, m.OrderID, contracts.ReasonInternal)
		},
		"settle, and the seat is not lost": func(w *world, m message.PlaceOrder) retry.Outcome {
			return w.settle(t, m.OrderID, contracts.ReasonSeatLost)
		},
		"mirror": func(w *world, m message.PlaceOrder) retry.Outcome {
			d := mirror.Mirror{
				Rows: w.rows, Seats: w.seats(), Catalogue: w, Sender: w, Now: func() time.Time { return w.now.Time() },
			}
			return retry.Classify(d.HandleMessage(t.Context(), message.MirrorOrder{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group, RowVersion: 1}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.awaiting(t, "A-1-1") // held in the first version, and then the second is frozen all the same
			w.frozen = 2
			want(t, w.handle(t, w.in(2, w.placed("A-1-3"))), retry.ClassDone, "")
			before := w.holds.Inspect(group)
			w.sent = nil
			want(t, handle(w, m), retry.ClassPoison, "layout_version")
			if after := w.holds.Inspect(group); after.Revision != before.Revision || len(after.Records) != len(before.Records) {
				t.Errorf("the group was changed from %v to %v", before.Revision, after.Revision)
			}
			if row := w.row(t, m.OrderID); row.Status.Dead() && w.kinds() != "VoidPayment" {
				t.Errorf("the row is %s, and sent was %q; want a VoidPayment", row.Status, w.kinds())
			}
		})
	}
}

// A RebuildGroup replaces a group of another version once, and leaves the one that is sold as it is.
func TestRebuildGroupReplacesAGroupOfAnotherLayoutVersion(t *testing.T) {
	w := grown(t)
	d := reserve.Dispatcher{}
	d.Rebuild.Concerts, d.Rebuild.Groups = w, w.seats()
	for i := range 3 {
		encoded, err := message.Encode(message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"}, "")
		if err != nil {
			t.Fatal(err)
		}
		want(t, retry.Classify(d.Handle(t.Context(), message.Delivery{Body: encoded.Body, Attributes: encoded.Attributes})), retry.ClassDone, "")
		if r := w.holds.Inspect(group).Revision; r.LayoutVersion != 2 || r.Epoch != 2 {
			t.Fatalf("after %d messages the revision is %v, want layout 2, loaded once", i+1, r)
		}
	}
}
