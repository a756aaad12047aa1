package notify_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/mailtest"
	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/sealed"
)

// Each status and reason has one mail or none: README.md has the same table.
func TestWhichMailAStatusHas(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *readmodel.Order)
		want   mails.Kind
	}{
		"held":                         {func(r *readmodel.Order) { r.Status = contracts.Held }, ""},
		"awaiting payment":             {func(r *readmodel.Order) { r.Status = contracts.AwaitingPayment }, ""},
		"committed":                    {func(r *readmodel.Order) { r.Status = contracts.Committed }, ""},
		"confirmed":                    {func(r *readmodel.Order) { r.Status = contracts.Confirmed }, mails.OrderConfirmed},
		"expired":                      {func(r *readmodel.Order) { r.Status = contracts.Expired }, mails.HoldEnded},
		"expired after a refused card": {func(r *readmodel.Order) { r.Status, r.Payment = contracts.Expired, declined }, mails.PaymentFailed},
		"rejected in the queue": {func(r *readmodel.Order) {
			r.Status, r.HeldAt, r.Reason = contracts.Rejected, 0, because(contracts.ReasonSeatTaken)
		}, ""},
		"rejected in the queue, internal": {func(r *readmodel.Order) {
			r.Status, r.HeldAt, r.Reason = contracts.Rejected, 0, because(contracts.ReasonInternal)
		}, ""},
		"rejected, payment refused": {func(r *readmodel.Order) {
			r.Status, r.Reason = contracts.Rejected, because(contracts.ReasonPaymentRefused)
		}, mails.PaymentFailed},
		"rejected, payment does not match": {func(r *readmodel.Order) {
			r.Status, r.Reason = contracts.Rejected, because(contracts.ReasonPaymentMismatch)
		}, mails.PaymentFailed},
		"rejected, seat lost":             {func(r *readmodel.Order) { r.Status, r.Reason = contracts.Rejected, because(contracts.ReasonSeatLost) }, mails.OrderFailed},
		"rejected after a hold, internal": {func(r *readmodel.Order) { r.Status, r.Reason = contracts.Rejected, because(contracts.ReasonInternal) }, mails.OrderFailed},
		"cancelled by hand":               {func(r *readmodel.Order) { r.Status = contracts.Cancelled }, ""},
		"cancelled by the system":         {func(r *readmodel.Order) { r.Status, r.History[0].Cause = contracts.Cancelled, "SettleOrder" }, mails.OrderCancelled},
		"revoked":                         {func(r *readmodel.Order) { r.Status = contracts.Revoked }, mails.OrderRevoked},
		"refunded":                        {func(r *readmodel.Order) { r.Status = contracts.Refunded }, mails.OrderRefunded},
		"of no known buyer":               {func(r *readmodel.Order) { r.Status, r.UserID = contracts.Confirmed, "" }, ""},
		"days ago": {func(r *readmodel.Order) {
			r.Status, r.History[0].At = contracts.Confirmed, r.History[0].At.Add(-6*24*time.Hour)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row.History[0].Cause = "CancelOrder"
			c.change(&w.row.Order)
			w.row.History[0].Status = w.row.Status
			w.mustEvent(1)
			if w.kinds() != string(c.want) {
				t.Errorf("sent %q, want %q", w.kinds(), c.want)
			}
		})
	}
}

var declined = &readmodel.Payment{LastError: &readmodel.PaymentError{Code: "card_declined"}}

func because(code contracts.Reason) *readmodel.Reason { return &readmodel.Reason{Code: code} }

func TestTheMailOfAConfirmedOrder(t *testing.T) {
	w := newWorld(t)
	w.become(contracts.Confirmed)
	w.mustEvent(2)
	m := mailtest.Parse(t, w.mails[0].Raw)
	for _, part := range []string{"Così fan tutte – Staatsoper", "Opernhaus, Wien", "Sunday, 28 March 2027, 19:30 (CEST)", "Parkett, row 1, seat 1", "€120.50", string(orderID)} {
		if !strings.Contains(m.Plain, part) || !strings.Contains(m.HTML, part) {
			t.Errorf("the mail lacks %q: %s", part, m.Plain)
		}
	}
	if !strings.Contains(m.Plain, site+"/orders/"+string(orderID)) || !strings.Contains(m.Calendar, "UID:"+string(orderID)+"@boxoffice\r\n") || !strings.Contains(m.Calendar, "DTSTART;TZID=Europe/Vienna:20270328T193000") || m.Attachments != 1 {
		t.Errorf("%+v", m)
	}
	if strings.Contains(string(w.mails[0].Raw), "pi_secret") {
		t.Error("the mail has a secret")
	}
}

// Later versions of the same status, redeliveries and late events send no second mail.
func TestAStatusHasOneMail(t *testing.T) {
	w := newWorld(t)
	w.become(contracts.Confirmed)
	for range 2 {
		w.mustEvent(2)
	}
	w.row.Version++ // for example a note about a refund, which leaves the status
	w.mustEvent(3)
	w.mustEvent(1)
	if w.kinds() != "order-confirmed" {
		t.Errorf("sent %q", w.kinds())
	}
	w.become(contracts.Refunded)
	w.mustEvent(2)
	w.mustEvent(4)
	if w.kinds() != "order-confirmed order-refunded" {
		t.Errorf("sent %q", w.kinds())
	}
}

// killed is the panic of a function that is killed.
type killed struct{}

// dying is a mailer whose function is killed before or after the send.
type dying struct {
	mailerOf
	sends bool
}

func (d dying) Send(ctx context.Context, m mails.Mail) error {
	if d.sends {
		_ = d.mailerOf.Send(ctx, m)
	}
	panic(killed{})
}

// die handles an event in a function that is killed at the mailer.
func (w *world) die(sends bool) {
	w.t.Helper()
	defer func() {
		if _, ok := recover().(killed); !ok {
			w.t.Fatal("the function was not killed")
		}
	}()
	n := w.notifier()
	n.Mailer = dying{mailerOf{w}, sends}
	e, err := message.Encode(message.NotifyOrder{OrderID: orderID, RowVersion: 2, Status: contracts.Confirmed}, "")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(w.t.Context(), w.now.Add(5*time.Second))
	defer cancel()
	_ = n.Handle(ctx, message.Delivery{Body: e.Body})
}

// A function is killed after it has claimed a mail. Until its time is over, others wait; then the redelivered message sends the mail.
func TestAMailIsNotLostWhenItsFunctionIsKilled(t *testing.T) {
	w := newWorld(t)
	w.now = time.Now() // the deadline of a context is in real time
	w.become(contracts.Confirmed)
	w.die(false)
	w.now = w.now.Add(time.Second)
	err := w.event(2)
	if outcome := retry.Classify(err); outcome.Class != retry.ClassRetryable || outcome.After <= 0 || outcome.After > 7*time.Second {
		t.Fatalf("while the claim lasts: %+v", outcome)
	}
	w.now = w.now.Add(7 * time.Second)
	w.mustEvent(2)
	w.mustEvent(2)
	if w.kinds() != "order-confirmed" {
		t.Errorf("sent %q", w.kinds())
	}
}

// A function that is killed between the send and the mark leads to a second copy, which has the same id.
func TestACopyHasTheIDOfTheFirst(t *testing.T) {
	w := newWorld(t)
	w.now = time.Now()
	w.become(contracts.Confirmed)
	w.die(true)
	w.now = w.now.Add(time.Minute)
	w.mustEvent(2)
	w.mustEvent(2)
	if len(w.mails) != 2 {
		t.Fatalf("sent %q", w.kinds())
	}
	first, second := mailtest.Parse(t, w.mails[0].Raw), mailtest.Parse(t, w.mails[1].Raw)
	if id := first.Header.Get(mails.HeaderMail); id == "" || id != second.Header.Get(mails.HeaderMail) || w.mails[0].Hash() != w.mails[1].Hash() {
		t.Errorf("%q, %q", id, second.Header.Get(mails.HeaderMail))
	}
}

// A mailer that fails releases the claim, so that the redelivered message need not wait for its end.
func TestAFailedSendIsTriedAgainAtOnce(t *testing.T) {
	w := newWorld(t)
	w.become(contracts.Confirmed)
	w.fail["mailer"] = errDown
	if err := w.event(2); !retry.IsRetryable(err) || retry.Classify(err).After != 0 {
		t.Fatalf("%v", err)
	}
	w.fail["mailer"] = nil
	w.mustEvent(2)
	if w.kinds() != "order-confirmed" {
		t.Errorf("sent %q", w.kinds())
	}
	w.become(contracts.Revoked)
	w.fail["mailer"] = retry.Poison("mail_refused", errDown)
	if err := w.event(3); !retry.IsPoison(err) {
		t.Errorf("%v", err)
	}
}

// last is a mailer that sends, and answers when its time is over.
type last struct {
	mailerOf
	end *time.Time
}

func (l last) Send(ctx context.Context, m mails.Mail) error {
	err := l.mailerOf.Send(ctx, m)
	*l.end, _ = ctx.Deadline()
	<-ctx.Done()
	return err
}

// However late SES answers, there is time to mark the mail, so that it is not sent again.
func TestAMailThatIsSentAtTheLastMomentIsMarked(t *testing.T) {
	w := newWorld(t)
	w.now = time.Now() // the deadline of a context is in real time
	w.become(contracts.Confirmed)
	var sendEnds time.Time
	n := w.notifier()
	n.Mailer = last{mailerOf{w}, &sendEnds}
	e, err := message.Encode(message.NotifyOrder{OrderID: orderID, RowVersion: 2, Status: contracts.Confirmed}, "")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	if err := n.Handle(ctx, message.Delivery{Body: e.Body}); err != nil {
		t.Fatal(err)
	}
	if left := end.Sub(sendEnds); left != 500*time.Millisecond {
		t.Errorf("the send leaves %s to the mark", left)
	}
	w.now = w.now.Add(time.Minute)
	w.mustEvent(2)
	if w.kinds() != "order-confirmed" {
		t.Errorf("sent %q", w.kinds())
	}
}

// A mail that SES refuses for good does not take the frame that is to be tried again with it, and is reported once the frame is sent.
func TestARefusedMailDoesNotBuryTheFrame(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = 1
	w.fail["gateway a"], w.fail["mailer"] = errDown, retry.Poison("mail_refused", errDown)
	w.become(contracts.Confirmed)
	if err := w.event(2); !retry.IsRetryable(err) {
		t.Fatalf("%v", err)
	}
	w.fail["gateway a"] = nil
	if err := w.event(2); !retry.IsPoison(err) || !slices.Equal(w.frames["a"], []int{2}) {
		t.Errorf("%v, pushed %v", err, w.frames)
	}
}

// slow is a gateway that answers once a mail is sent.
type slow struct {
	gatewayOf
	sent chan struct{}
}

func (s slow) Post(ctx context.Context, id string, text []byte) error {
	select {
	case <-s.sent:
		return s.gatewayOf.Post(ctx, id, text)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// telling is a mailer that tells when it has sent.
type telling struct {
	mailerOf
	sent chan struct{}
}

func (s telling) Send(ctx context.Context, m mails.Mail) error {
	defer close(s.sent)
	return s.mailerOf.Send(ctx, m)
}

// A gateway that answers late takes no time of the mail.
func TestFrameAndMailAreSentAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = 1
	w.become(contracts.Confirmed)
	n, sent := w.notifier(), make(chan struct{})
	n.Gateway, n.Mailer = slow{gatewayOf{w}, sent}, telling{mailerOf{w}, sent}
	e, err := message.Encode(message.NotifyOrder{OrderID: orderID, RowVersion: 2, Status: contracts.Confirmed}, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Handle(ctx, message.Delivery{Body: e.Body}); err != nil || len(w.frames["a"]) != 1 {
		t.Errorf("%v, pushed %v", err, w.frames)
	}
}

// A push that fails does not hold up the mail.
func TestTheMailIsSentThoughThePushFails(t *testing.T) {
	w := newWorld(t)
	w.connections["a"] = 1
	w.fail["gateway a"] = errDown
	w.become(contracts.Confirmed)
	if err := w.event(2); !retry.IsRetryable(err) || w.kinds() != "order-confirmed" {
		t.Errorf("%v, sent %q", err, w.kinds())
	}
}

func TestALinkIsThatOfIdentity(t *testing.T) {
	w := newWorld(t)
	ends := contracts.InstantOf(w.now.Add(time.Hour))
	ask := message.NotifyAccount{UserID: userID, Link: maillink.Confirm, Nonce: "n0nce", LinkEndsAt: ends}
	for range 2 {
		if err := w.handle(ask); err != nil {
			t.Fatal(err)
		}
	}
	if w.kinds() != "confirm-address" {
		t.Fatalf("sent %q", w.kinds())
	}
	m := mailtest.Parse(t, w.mails[0].Raw)
	_, token, _ := strings.Cut(m.Plain, site+"/confirm#")
	token, _, _ = strings.Cut(token, "\n")
	keys, err := sealed.ParseKeys("1:" + strings.Repeat("C", 43))
	if err != nil {
		t.Fatal(err)
	}
	if user, nonce, ok := maillink.Open(keys, maillink.Confirm, token, ends-1000); !ok || user != userID || nonce != "n0nce" {
		t.Errorf("%q: %q, %q, %t", token, user, nonce, ok)
	}
}

// A link that has ended, was used, or is not the newest is not sent; nor is one for an account that does not exist.
func TestALinkThatIsNoGoodIsNotSent(t *testing.T) {
	for name, change := range map[string]func(w *world, m *message.NotifyAccount){
		"not the newest": func(_ *world, m *message.NotifyAccount) { m.Nonce = "older" },
		"used":           func(w *world, _ *message.NotifyAccount) { w.user.ConfirmNonce = "" },
		"another kind":   func(_ *world, m *message.NotifyAccount) { m.Link = maillink.Reset },
		"ended":          func(w *world, m *message.NotifyAccount) { m.LinkEndsAt = contracts.InstantOf(w.now) },
		"no account":     func(w *world, _ *message.NotifyAccount) { w.noUser = true },
		"no address":     func(w *world, _ *message.NotifyAccount) { w.user.MailKey = "" },
	} {
		w := newWorld(t)
		m := message.NotifyAccount{UserID: userID, Link: maillink.Confirm, Nonce: "n0nce", LinkEndsAt: contracts.InstantOf(w.now.Add(time.Hour))}
		change(w, &m)
		if err := w.handle(m); err != nil || len(w.mails) != 0 {
			t.Errorf("%s: %v, sent %q", name, err, w.kinds())
		}
	}
}

func TestBouncesAndComplaintsStopMails(t *testing.T) {
	for _, reason := range message.MailStops() {
		w := newWorld(t)
		if err := w.handle(message.StopMails{UserIDs: []string{"u9", userID}, Reason: reason}); err != nil {
			t.Fatal(err)
		}
		w.connections["a"] = 1
		w.become(contracts.Confirmed)
		w.mustEvent(2)
		if len(w.mails) != 0 || !slices.Equal(w.frames["a"], []int{2}) {
			t.Errorf("%s: sent %q, pushed %v", reason, w.kinds(), w.frames)
		}
		if !strings.Contains(w.out.String(), "stopped_after_"+string(reason)) {
			t.Errorf("%s: logged %s", reason, w.out.String())
		}
	}
}
