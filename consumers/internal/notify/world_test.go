package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/memory/memsent"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/sealed"
	"boxoffice/contracts/telemetry"
)

const (
	orderID = contracts.OrderID("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4")
	userID  = "u1"
	site    = "https://boxoffice.example"
)

// canaries are parts of an account and of a payment that no log, error or metric may have.
var canaries = []string{"c4n4ry", "C4n4ry", "pi_secret", "n0nce"}

// world has the ports of a Notifier. Each fails as long as its error is set.
type world struct {
	t           *testing.T
	mu          sync.Mutex
	row         order.Order
	user        readmodel.User
	noUser      bool
	connections map[string]contracts.Instant
	frames      map[string][]int // the versions that a connection got
	texts       []string
	closed      []string
	mails       []mails.Mail
	sent        *memsent.Store
	fail        map[string]error // by port and connection
	out         output
	now         time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, sent: &memsent.Store{}, connections: map[string]contracts.Instant{}, frames: map[string][]int{}, fail: map[string]error{},
		now:  time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC),
		user: readmodel.User{UserID: userID, Name: "C4n4ry", Email: "c4n4ry@example.com", MailKey: "c4n4ry@example.com", EmailConfirmed: true, Locale: "en", ConfirmNonce: "n0nce"},
	}
	w.become(contracts.Held)
	t.Cleanup(func() {
		for _, canary := range canaries {
			if strings.Contains(w.out.String(), canary) {
				t.Errorf("a log or metric has %s: %s", canary, w.out.String())
			}
		}
	})
	return w
}

// become gives the row its next version with a status.
func (w *world) become(status contracts.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	row := w.row
	if row.Version == 0 {
		row.Order = readmodel.Order{
			OrderID: orderID, UserID: userID, ConcertID: "c1", Group: "A", LayoutVersion: 1, Seats: []string{"A-1-1", "A-1-2"},
			Amount: &contracts.Money{Minor: 12050, Currency: "EUR"}, HeldAt: contracts.InstantOf(w.now), HoldExpiresAt: contracts.InstantOf(w.now.Add(5 * time.Minute)),
			Payment: &readmodel.Payment{IntentID: "pi_1", ClientSecret: "pi_secret"},
		}
	}
	row.Version++
	row.Status = status
	row.History = append(append([]readmodel.HistoryEntry{}, row.History...), readmodel.HistoryEntry{Status: status, Version: row.Version, At: contracts.InstantOf(w.now), Cause: "PlaceOrder"})
	w.row = row
}

func (w *world) notifier() *notify.Notifier {
	keys, err := sealed.ParseKeys("1:" + strings.Repeat("C", 43))
	if err != nil {
		w.t.Fatal(err)
	}
	now := func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
	n := &notify.Notifier{
		Orders: ordersOf{w}, Users: usersOf{w}, Catalogue: catalogueOf{w}, Connections: connectionsOf{w}, Gateway: gatewayOf{w}, Mailer: mailerOf{w},
		Sent: w.sent, Sender: mails.Sender{From: mail.Address{Name: "Boxoffice", Address: "tickets@boxoffice.example"}, Site: site},
		Links: notify.Links{Keys: keys}, Log: slog.New(slog.NewJSONHandler(&w.out, nil)), Meter: telemetry.NewMeter(&w.out, "notify", now), Now: now,
	}
	return n
}

// handle handles a message, as it is on the queue.
func (w *world) handle(m message.Message) error {
	w.t.Helper()
	e, err := message.Encode(m, "")
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.notifier().Handle(w.t.Context(), message.Delivery{MessageID: "m", Body: e.Body})
	if err != nil {
		for _, canary := range canaries {
			if strings.Contains(err.Error(), canary) {
				w.t.Errorf("the error has %s: %v", canary, err)
			}
		}
	}
	return err
}

// event handles the event of a version.
func (w *world) event(version int) error {
	w.t.Helper()
	return w.handle(message.NotifyOrder{OrderID: orderID, RowVersion: version, Status: contracts.Held})
}

func (w *world) mustEvent(version int) {
	w.t.Helper()
	if err := w.event(version); err != nil {
		w.t.Fatal(err)
	}
}

// kinds returns the kinds of the mails that were sent.
func (w *world) kinds() string {
	var all []string
	for _, m := range w.mails {
		all = append(all, string(m.Kind))
	}
	return strings.Join(all, " ")
}

func (w *world) failing(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fail[name]
}

// output is what the log and the metrics write, at the same time.
type output struct {
	mu      sync.Mutex
	written bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written.String()
}

type ordersOf struct{ *world }

func (w ordersOf) Read(context.Context, contracts.OrderID) (order.Order, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.row, w.row.Version > 0, w.fail["orders"]
}

type usersOf struct{ *world }

func (w usersOf) User(context.Context, string) (readmodel.User, bool, error) {
	return w.user, !w.noUser, w.failing("users")
}

type catalogueOf struct{ *world }

func (w catalogueOf) Concert(context.Context, string) (readmodel.Concert, error) {
	return readmodel.Concert{
		ConcertID: "c1", Title: "Così fan tutte", Artist: "Staatsoper", Venue: "Opernhaus", City: "Wien", TimeZone: "Europe/Vienna",
		StartsAt: contracts.InstantOf(time.Date(2027, 3, 28, 17, 30, 0, 0, time.UTC)),
	}, w.failing("concert")
}

func (w catalogueOf) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
	if err := w.failing("layout"); err != nil {
		return nil, err
	}
	return []readmodel.LayoutGroup{{Group: "A", Section: "Parkett", Rows: []readmodel.LayoutRow{{Name: "1", Seats: []string{"A-1-1", "A-1-2"}}}}}, nil
}

type connectionsOf struct{ *world }

func (w connectionsOf) Of(context.Context, string) (all []readmodel.Connection, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, at := range w.connections {
		all = append(all, readmodel.Connection{ConnectionID: id, UserID: userID, ConnectedAt: at})
	}
	return all, w.fail["connections"]
}

func (w connectionsOf) Until(ctx context.Context, user string, until contracts.Instant) ([]readmodel.Connection, error) {
	all, err := w.Of(ctx, user)
	return slices.DeleteFunc(all, func(c readmodel.Connection) bool { return c.ConnectedAt > until }), err
}

func (w connectionsOf) Forget(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.connections, id)
	return nil
}

type gatewayOf struct{ *world }

func (w gatewayOf) Post(_ context.Context, id string, text []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["gateway "+id]; err != nil {
		return err
	}
	var f struct {
		Type  string
		Order struct{ Version int }
	}
	if err := json.Unmarshal(text, &f); err != nil || f.Type != "order" {
		return fmt.Errorf("%s: %w", text, err)
	}
	w.frames[id] = append(w.frames[id], f.Order.Version)
	w.texts = append(w.texts, string(text))
	return nil
}

func (w gatewayOf) Close(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = append(w.closed, id)
	return w.fail["gateway "+id]
}

type mailerOf struct{ *world }

func (w mailerOf) Send(_ context.Context, m mails.Mail) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["mailer"]; err != nil {
		return err
	}
	w.mails = append(w.mails, m)
	return nil
}

var errDown = errors.New("down")
