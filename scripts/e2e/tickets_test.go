package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/gate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

type myTickets struct {
	Tickets []struct {
		ID, OrderID, ConcertID, Seat, Status, Row, SectionName, QR string
		SeatNumber                                                 int
		Concert                                                    struct{ Title string }
	}
	NextCursor string
}

func (s *stack) myTickets(t *testing.T, c *apiclient.Client, query string) (page myTickets) {
	t.Helper()
	if err := c.Get(t.Context(), "/me/tickets?"+query, &page); err != nil {
		t.Fatal(err)
	}
	return page
}

// atTheGate fetches the data of the sample concert, as an operator does.
func (s *stack) atTheGate(t *testing.T, folder string) gate.Data {
	t.Helper()
	if _, err := gate.Fetch(t.Context(), gate.Source{API: s.API, Client: s.HTTP}, folder, s.Concert, time.Now); err != nil {
		t.Fatal(err)
	}
	data, err := gate.Load(folder, s.Concert)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func admit(t *testing.T, data gate.Data, entries *gate.Entries, text string) gate.Result {
	t.Helper()
	r, err := gate.New(data, entries, time.Now).Check(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The code of a confirmed order's ticket opens the gate of its concert for its seat, once. When the code has been revoked and the
// gate has fetched again, it opens no gate.
func TestTicketsAtTheGate(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, mallory := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("mallory"))
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 2)...)
	pdf := "/orders/" + order.OrderID + "/tickets.pdf"
	if answer, err := anna.Do(t.Context(), http.MethodGet, pdf, nil, nil); err != nil || answer.Status != http.StatusConflict || answer.Problem().Code != "order_not_confirmed" {
		t.Errorf("the PDF of an order that is not paid: %d %s, %v", answer.Status, answer.Body, err)
	}
	s.pay(t, order, "pm_card_visa")
	confirmed := s.waitEnded(t, anna, order.OrderID)
	wantStatus(t, confirmed, contracts.Confirmed)
	var mine myTickets
	eventually(t, decideWithin, func() (bool, string) {
		mine = s.myTickets(t, anna, "")
		return len(mine.Tickets) == 2, "the tickets are not in the list"
	})
	folder := t.TempDir()
	data := s.atTheGate(t, folder)
	entries, _, err := gate.Open(filepath.Join(folder, "entries.jsonl"), "north")
	if err != nil {
		t.Fatal(err)
	}
	defer entries.Close() //nolint:errcheck // a test
	for i, ticket := range mine.Tickets {
		r := admit(t, data, entries, ticket.QR)
		if !r.Admitted || r.Seat.Name != ticket.Seat || r.Seat.Row != ticket.Row || r.Seat.Number != ticket.SeatNumber || ticket.Seat != order.Seats[i] || ticket.Concert.Title == "" || ticket.ID != string(confirmed.Tickets[i].ID) {
			t.Errorf("ticket %+v: %+v %+v", ticket, r, r.Seat)
		}
		if again := admit(t, data, entries, ticket.QR); again.Reason != gate.AlreadyEntered || again.First.At != r.At {
			t.Errorf("the same ticket again: %+v", again)
		}
	}
	if page := s.myTickets(t, anna, "limit=1"); len(page.Tickets) != 1 || page.NextCursor == "" {
		t.Errorf("a page of one: %+v", page)
	}
	if page := s.myTickets(t, mallory, ""); len(page.Tickets) != 0 {
		t.Errorf("another buyer has %+v", page)
	}
	s.checkFiles(t, anna, mallory, order.OrderID)

	// A refund will write this row with the order's next version.
	code := ticketcode.CodeOf(contracts.TicketID(mine.Tickets[0].ID), 0)
	item, err := attributevalue.MarshalMap(readmodel.Revocation{ConcertID: s.Concert, OrderVersion: readmodel.RevocationKey(contracts.OrderID(order.OrderID), 99), Codes: code[:]})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Dynamo.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(s.Table("revocations")), Item: item}); err != nil {
		t.Fatal(err)
	}
	other, _, err := gate.Open(filepath.Join(folder, "south.jsonl"), "south")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // a test
	eventually(t, ticketcode.KeptInProcess+decideWithin, func() (bool, string) {
		data = s.atTheGate(t, folder)
		return data.Revocations.Has(code), "the list does not have the code"
	})
	if r := admit(t, data, other, mine.Tickets[0].QR); r.Reason != gate.Revoked {
		t.Errorf("a revoked ticket: %+v", r)
	}
	if r := admit(t, data, other, mine.Tickets[1].QR); !r.Admitted {
		t.Errorf("the other ticket of the order: %+v", r)
	}
}

// checkFiles gets the files of a confirmed order over HTTP: nobody else gets them, and no cache may keep them.
func (s *stack) checkFiles(t *testing.T, owner, other *apiclient.Client, id string) {
	t.Helper()
	for name, media := range map[string]string{"tickets.pdf": "application/pdf", "tickets.ics": "text/calendar; charset=utf-8"} {
		path := "/orders/" + id + "/" + name
		answer, err := owner.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil || answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != media || answer.Header.Get("Cache-Control") != "no-store" ||
			answer.Header.Get("Content-Disposition") != `attachment; filename="tickets-`+id+name[len("tickets"):]+`"` {
			t.Fatalf("%s: %d %v, %v", name, answer.Status, answer.Header, err)
		}
		if name == "tickets.pdf" {
			if !bytes.HasPrefix(answer.Body, []byte("%PDF-")) || !bytes.HasSuffix(bytes.TrimSpace(answer.Body), []byte("%%EOF")) {
				t.Errorf("the PDF is %.20q…", answer.Body)
			}
		} else if calendar, err := ics.ParseCalendar(bytes.NewReader(answer.Body)); err != nil || len(calendar.Events()) != 1 || !strings.HasPrefix(calendar.Events()[0].Id(), id) {
			t.Errorf("the calendar is %s, %v", answer.Body, err)
		}
		if answer, err := other.Do(t.Context(), http.MethodGet, path, nil, nil); err != nil || answer.Status != http.StatusNotFound || answer.Problem().Code != "order_not_found" {
			t.Errorf("%s of another buyer: %d %s, %v", name, answer.Status, answer.Body, err)
		}
	}
}

// waitRevoked waits until the public list of revoked codes has those of all tickets of an order.
func (s *stack) waitRevoked(t *testing.T, c *apiclient.Client, row readmodel.Order) {
	t.Helper()
	eventually(t, ticketcode.KeptInProcess+decideWithin, func() (bool, string) {
		answer, err := c.Do(t.Context(), http.MethodGet, "/concerts/"+row.ConcertID+"/revocations", nil, nil)
		var list ticketcode.Revocations
		if err != nil || answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &list) != nil {
			return false, string(answer.Body)
		}
		for _, seat := range row.Seats {
			if !list.Has(ticketcode.CodeOfSeat(row, seat)) {
				return false, "the code of seat " + seat + " is not revoked"
			}
		}
		return true, ""
	})
}
