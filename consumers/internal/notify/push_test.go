package notify_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

func TestEveryConnectionOfTheBuyerGetsTheFrame(t *testing.T) {
	w := newWorld(t)
	w.become(contracts.AwaitingPayment)
	w.connections["a"], w.connections["b"] = 1, 2
	w.mustEvent(2)
	w.mustEvent(2) // redelivered
	if !slices.Equal(w.frames["a"], []int{2}) || !slices.Equal(w.frames["b"], []int{2}) {
		t.Errorf("%v", w.frames)
	}
	if text := w.texts[0]; strings.Contains(text, "pi_secret") || !strings.Contains(text, `"timeline"`) || strings.Contains(text, "pollAfterMs") {
		t.Error(text)
	}
}

// An event that comes late leads to the present row, once.
func TestAConnectionGetsNoVersionAfterAHigherOne(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = 1
	for _, s := range []contracts.Status{contracts.AwaitingPayment, contracts.Committed, contracts.Confirmed} {
		w.become(s)
	}
	for _, version := range []int{3, 1, 4, 2} {
		w.mustEvent(version)
	}
	if !slices.Equal(w.frames["a"], []int{4}) {
		t.Errorf("%v", w.frames)
	}
}

// Whatever the order of events, of redeliveries and of faults, the versions that a connection gets rise, and the last is the row's.
func TestVersionsRiseWhateverHappens(t *testing.T) {
	for seed := range uint64(200) {
		w := newWorld(t)
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test is to be repeatable
		w.connections["a"], w.connections["b"] = 1, 2
		events := []int{1}
		for _, s := range []contracts.Status{contracts.AwaitingPayment, contracts.AwaitingPayment, contracts.Committed, contracts.Confirmed} {
			w.become(s)
			events = append(events, w.row.Version)
			random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			for len(events) > 0 && random.IntN(3) > 0 {
				w.fail["gateway a"] = nil
				if random.IntN(3) == 0 {
					w.fail["gateway a"] = errDown
				}
				if err := w.event(events[0]); err == nil {
					events = events[1:]
				}
			}
		}
		w.fail["gateway a"] = nil
		for _, version := range events {
			w.mustEvent(version)
		}
		for id, versions := range w.frames {
			if !slices.IsSorted(versions) || len(slices.Compact(slices.Clone(versions))) != len(versions) || versions[len(versions)-1] != w.row.Version {
				t.Errorf("seed %d: %s got %v of %d", seed, id, versions, w.row.Version)
			}
		}
		if len(w.frames) != 2 {
			t.Errorf("seed %d: %v", seed, w.frames)
		}
	}
}

func TestAConnectionThatIsGoneIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.connections["gone"], w.connections["here"] = 1, 2
	w.fail["gateway gone"] = notify.ErrGone
	w.mustEvent(1)
	if _, there := w.connections["gone"]; there || len(w.frames["here"]) != 1 {
		t.Errorf("%v, %v", w.connections, w.frames)
	}
}

// A connection is stored before the gateway knows it. It gets its frame, and is closed, when it has opened.
func TestAConnectionThatIsOpeningIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = contracts.InstantOf(w.now)
	w.fail["gateway a"] = notify.ErrGone
	if err := w.event(1); !retry.IsRetryable(err) || len(w.connections) != 1 {
		t.Fatalf("%v, left %v", err, w.connections)
	}
	ended := message.CloseConnections{UserID: userID, Until: contracts.InstantOf(w.now)}
	w.now = w.now.Add(5 * time.Second)
	if err := w.handle(ended); !retry.IsRetryable(err) || len(w.connections) != 1 {
		t.Fatalf("%v, left %v", err, w.connections)
	}
	w.fail["gateway a"] = nil // it has opened
	w.mustEvent(1)
	if !slices.Equal(w.frames["a"], []int{1}) {
		t.Errorf("%v", w.frames)
	}
	w.fail["gateway a"] = notify.ErrGone
	w.now = w.now.Add(5 * time.Second)
	if err := w.handle(ended); err != nil || len(w.connections) != 0 {
		t.Errorf("%v, left %v", err, w.connections)
	}
}

// A version that was not sent does not open the way for a version that is older than the last one that was sent.
func TestAFailedPushForgetsNoVersion(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = 1
	w.become(contracts.AwaitingPayment)
	before := w.row
	w.become(contracts.Committed)
	w.mustEvent(3)
	w.become(contracts.Confirmed)
	w.fail["gateway a"] = errDown
	if err := w.event(4); !retry.IsRetryable(err) {
		t.Fatalf("%v", err)
	}
	w.fail["gateway a"] = nil
	w.row = before // as a slow function has read it
	w.mustEvent(2)
	if !slices.Equal(w.frames["a"], []int{3}) {
		t.Errorf("%v", w.frames)
	}
}

// A frame has of the payment what its buyer sees by reading the order, without the secret.
func TestAFrameHasTheRefusalAndTheCard(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = 1
	w.become(contracts.AwaitingPayment)
	w.row.Payment = &readmodel.Payment{
		IntentID: "pi_1", ClientSecret: "pi_secret", LastError: &readmodel.PaymentError{Code: "card_declined", Message: "Try another card."},
		Card: &readmodel.Card{Brand: "visa", Last4: "4242"},
	}
	w.mustEvent(2)
	w.become(contracts.Confirmed)
	w.mustEvent(3)
	for i, want := range []string{`"payment":{"lastError":{"code":"card_declined","message":"Try another card."}}`, `"payment":{"card":{"brand":"visa","last4":"4242"}}`} {
		if !strings.Contains(w.texts[i], want) || strings.Contains(w.texts[i], "pi_secret") {
			t.Errorf("%s", w.texts[i])
		}
	}
}

// A gateway that fails for one connection does not take the frame from the others, and the connection is tried again.
func TestAFailedPushIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.connections["a"], w.connections["b"] = 1, 2
	w.fail["gateway a"] = errDown
	if err := w.event(1); !retry.IsRetryable(err) {
		t.Fatalf("%v", err)
	}
	w.fail["gateway a"] = nil
	w.mustEvent(1)
	if !slices.Equal(w.frames["a"], []int{1}) || !slices.Equal(w.frames["b"], []int{1}) {
		t.Errorf("%v", w.frames)
	}
	// What would be refused again is not tried again.
	w.become(contracts.AwaitingPayment)
	w.fail["gateway a"] = notify.ErrFrameRefused
	w.mustEvent(2)
}

func TestFaultsOfStoresAreRetried(t *testing.T) {
	for _, port := range []string{"orders", "connections"} {
		w := newWorld(t)
		w.fail[port] = errDown
		if err := w.event(1); !retry.IsRetryable(err) {
			t.Errorf("%s: %v", port, err)
		}
	}
	w := newWorld(t)
	if err := w.event(2); !retry.IsRetryable(err) {
		t.Errorf("a row that is older than its event: %v", err)
	}
	w.row.Version = 0
	if err := w.event(1); !retry.IsPoison(err) {
		t.Errorf("no row: %v", err)
	}
	if err := w.handle(message.OpenPayment{OrderID: orderID, ConcertID: "c", Group: "g", RowVersion: 1}); !retry.IsPoison(err) {
		t.Errorf("a message of another queue: %v", err)
	}
}

// Tickets have their places when the layout is known, and are shown without them when it is not.
func TestAFrameOfAConfirmedOrderHasItsTickets(t *testing.T) {
	for layout, want := range map[error]string{nil: `"sectionName":"Parkett"`, errDown: `"seat":"A-1-1"`} {
		w := newWorld(t)
		w.noUser = true
		w.connections["a"] = 1
		w.fail["layout"] = layout
		w.become(contracts.Confirmed)
		w.mustEvent(2)
		if !strings.Contains(w.texts[0], want) {
			t.Errorf("%v: %s", layout, w.texts[0])
		}
	}
}

// The index may show a connection late, so a logout of this moment is looked at once more.
func TestALogoutOfThisMomentIsLookedAtOnceMore(t *testing.T) {
	w := newWorld(t)
	ended := message.CloseConnections{UserID: userID, Until: contracts.InstantOf(w.now)}
	w.now = w.now.Add(500 * time.Millisecond)
	w.connections["a"] = 1
	outcome := retry.Classify(w.handle(ended))
	if outcome.Class != retry.ClassRetryable || outcome.After != 1500*time.Millisecond || !slices.Equal(w.closed, []string{"a"}) {
		t.Fatalf("%+v, closed %v", outcome, w.closed)
	}
	w.connections["late"] = 2
	w.now = w.now.Add(outcome.After)
	if err := w.handle(ended); err != nil || !slices.Equal(w.closed, []string{"a", "late"}) {
		t.Errorf("%v, closed %v", err, w.closed)
	}
}

func TestLogoutClosesTheConnectionsUntilThen(t *testing.T) {
	w := newWorld(t)
	w.connections["old"], w.connections["gone"], w.connections["new"] = 100, 100, 101
	w.fail["gateway gone"] = notify.ErrGone
	if err := w.handle(message.CloseConnections{UserID: userID, Until: 100}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.closed)
	if _, there := w.connections["new"]; !there || len(w.connections) != 1 || !slices.Equal(w.closed, []string{"gone", "old"}) {
		t.Errorf("closed %v, left %v", w.closed, w.connections)
	}
	w.fail["gateway new"] = errDown
	if err := w.handle(message.CloseConnections{UserID: userID, Until: 200}); !retry.IsRetryable(err) || len(w.connections) != 1 {
		t.Errorf("%v, left %v", err, w.connections)
	}
}
