package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// socket reads the frames of a connection until it ends.
type socket struct {
	mu     sync.Mutex
	frames []seenFrame
	closed error
}

type seenFrame struct {
	order apiclient.Order
	text  string
	at    time.Time
}

func (s *stack) socket(t *testing.T, c *apiclient.Client) *socket {
	t.Helper()
	url, ticket := pushTicket(t, c)
	conn, status := connected(t, url, "boxoffice", ticket)
	if conn == nil {
		t.Fatalf("refused with %d", status)
	}
	k := &socket{}
	go k.read(context.WithoutCancel(t.Context()), conn)
	return k
}

func (k *socket) read(ctx context.Context, conn *websocket.Conn) {
	for {
		_, data, err := conn.Read(ctx)
		k.mu.Lock()
		if err != nil {
			k.closed = err
			k.mu.Unlock()
			return
		}
		var f struct{ Order apiclient.Order }
		if json.Unmarshal(data, &f) == nil {
			k.frames = append(k.frames, seenFrame{f.Order, string(data), time.Now()})
		}
		k.mu.Unlock()
	}
}

func (k *socket) all() ([]seenFrame, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]seenFrame{}, k.frames...), k.closed
}

// A buyer sees on the connection what becomes of the order: each frame is of a higher version than the one before, the last is
// CONFIRMED, and none has the secret of the payment. Another buyer's connection gets nothing. Logout closes the connections.
func TestABuyerSeesTheOrderOnTheConnection(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	p, _ := signedUp(t, s, "Anna", "en")
	bert := s.signedIn(t, testbed.Named("bert"))
	mine, tab, other := s.socket(t, p.Client), s.socket(t, p.Client), s.socket(t, bert)
	order := s.placePayable(t, p.Client, "key-1", s.takeSeats(t, 2)...)
	s.pay(t, order, "pm_card_visa")
	confirmed := s.waitEnded(t, p.Client, order.OrderID)
	wantStatus(t, confirmed, contracts.Confirmed)
	at := *confirmed.Timeline[len(confirmed.Timeline)-1].At
	for _, k := range []*socket{mine, tab} {
		var frames []seenFrame
		eventually(t, mailWithin, func() (bool, string) {
			var err error
			frames, err = k.all()
			return err == nil && len(frames) > 0 && frames[len(frames)-1].order.Status == contracts.Confirmed, fmt.Sprintf("frames %+v, %v", frames, err)
		})
		for i, f := range frames {
			if f.order.OrderID != order.OrderID || i > 0 && f.order.Version <= frames[i-1].order.Version || strings.Contains(f.text, order.Payment.ClientSecret) {
				t.Errorf("frame %d: %s", i, f.text)
			}
		}
		last := frames[len(frames)-1]
		if last.order.Version != confirmed.Version || len(last.order.Tickets) != 2 || len(last.order.Timeline) != len(confirmed.Timeline) {
			t.Errorf("the last frame is %s", last.text)
		}
		t.Logf("from CONFIRMED to the frame: %s, after %d frames", last.at.Sub(at.Time()).Round(time.Millisecond), len(frames))
	}
	p.send(t, http.MethodPost, "/auth/logout", "", http.StatusNoContent)
	eventually(t, mailWithin, func() (bool, string) {
		_, a := mine.all()
		_, b := tab.all()
		return a != nil && b != nil, "the connections are open after logout"
	})
	if frames, closed := other.all(); len(frames) > 0 || closed != nil {
		t.Errorf("another buyer got %+v, closed %v", frames, closed)
	}
}

// tabs is how many connections the buyer of the next test has.
const tabs = 60

// A buyer with many connections gets each version on each. The test prints how many frames a second notify sends.
func TestABuyerWithManyConnectionsGetsTheFrameOnEach(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("tabs"))
	all := make([]*socket, tabs)
	for i := range all {
		all[i] = s.socket(t, anna)
	}
	order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	var first, last time.Time
	eventually(t, mailWithin, func() (bool, string) {
		first, last = time.Time{}, time.Time{}
		for i, k := range all {
			frames, err := k.all()
			if err != nil || len(frames) == 0 || frames[len(frames)-1].order.Version < order.Version {
				return false, fmt.Sprintf("connection %d has %d frames, %v", i, len(frames), err)
			}
			at := frames[len(frames)-1].at
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
		return true, ""
	})
	t.Logf("%d frames of one version in %s: %.0f a second", tabs, last.Sub(first).Round(time.Millisecond), float64(tabs)/last.Sub(first).Seconds())
	s.cancel(t, anna, order.OrderID)
}
