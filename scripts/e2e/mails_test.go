package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/testbed"
)

// mailWithin bounds the time from a cause to its mail, with everything beside it that the tests do.
const mailWithin = 20 * time.Second

// outboxMail is a mail in the outbox of the stack.
type outboxMail struct {
	kind, to, subject, plain string
	files                    []string
	writtenAt                time.Time
}

// mailsTo returns the mails to an address, of one kind.
func mailsTo(t *testing.T, address, kind string) (all []outboxMail) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("MAIL_OUTBOX"), kind+"-*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if m := readMail(t, file); m.to == address && m.kind == kind {
			all = append(all, m)
		}
	}
	return all
}

func readMail(t *testing.T, file string) outboxMail {
	t.Helper()
	f, err := os.Open(file) //nolint:gosec // a file of the stack
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	to, err := read.Header.AddressList("To")
	if err != nil || len(to) != 1 {
		t.Fatalf("%s: to %v, %v", file, to, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	m := outboxMail{kind: read.Header.Get("X-Boxoffice-Kind"), to: to[0].Address, subject: subject, writtenAt: info.ModTime()}
	m.parts(t, read.Header.Get("Content-Type"), read.Header.Get("Content-Transfer-Encoding"), read.Body)
	return m
}

// parts reads the plain text and the names of the attachments.
func (m *outboxMail) parts(t *testing.T, contentType, encoding string, body io.Reader) {
	t.Helper()
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(media, "multipart/") {
		if encoding == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		if media == "text/plain" {
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			m.plain = strings.ReplaceAll(string(text), "\r\n", "\n")
		}
		return
	}
	for parts := multipart.NewReader(body, parameters["boundary"]); ; {
		p, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // documented as this value
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if name := p.FileName(); name != "" {
			m.files = append(m.files, name)
		}
		m.parts(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
	}
}

// waitMail waits for the mail of a kind to an address.
func waitMail(t *testing.T, address, kind string) outboxMail {
	t.Helper()
	var found []outboxMail
	eventually(t, mailWithin, func() (bool, string) {
		found = mailsTo(t, address, kind)
		return len(found) > 0, fmt.Sprintf("there is no mail %s to %s", kind, address)
	})
	return found[0]
}

// linkTo returns the token of the link in the mail to an address.
func linkTo(t *testing.T, address, kind string) string {
	t.Helper()
	_, token, found := strings.Cut(waitMail(t, address, kind).plain, "#")
	if !found {
		t.Fatalf("the mail %s has no link", kind)
	}
	token, _, _ = strings.Cut(token, "\n")
	return token
}

// confirm confirms the address of an account by the link in its mail.
func (p *person) confirm(t *testing.T, address string) {
	t.Helper()
	p.send(t, http.MethodPost, "/auth/confirm", fmt.Sprintf(`{"token":%q}`, linkTo(t, address, "confirm-address")), http.StatusNoContent)
}

// signedUp returns a buyer with an account, who gets mails. The stack knows the account by its token.
func signedUp(t *testing.T, s *stack, name, locale string) (p *person, address string) {
	t.Helper()
	p = &person{Client: s.withToken(t, ""), stack: s}
	address = strings.ToLower(testbed.Named("mail")) + "@example.com"
	p.signIn(t, p.send(t, http.MethodPost, "/auth/signup", fmt.Sprintf(`{"email":%q,"password":"korrekt pferd batterie","name":%q,"locale":%q}`, address, name, locale), http.StatusCreated))
	return p, address
}

// userID returns the id of the account.
func (p *person) userID(t *testing.T) string {
	t.Helper()
	var me struct{ ID string }
	if err := json.Unmarshal(p.send(t, http.MethodGet, "/me", "", http.StatusOK).Body, &me); err != nil || me.ID == "" {
		t.Fatalf("%+v, %v", me, err)
	}
	return me.ID
}

// A buyer who pays gets one mail with a link to the order, and no ticket's code. A buyer who lets the hold end gets one too. Names
// with HTML and in other scripts arrive as they are.
func TestABuyerGetsTheMailOfADecidedOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	p, address := signedUp(t, s, "山田 <b>太郎</b>", "de")
	p.confirm(t, address) // a mail has no name before that
	order := s.placePayable(t, p.Client, "key-1", s.takeSeats(t, 2)...)
	s.pay(t, order, "pm_card_visa")
	confirmed := s.waitEnded(t, p.Client, order.OrderID)
	wantStatus(t, confirmed, contracts.Confirmed)
	m := waitMail(t, address, "order-confirmed")
	if !strings.Contains(m.subject, "Ihre Tickets für") || !strings.Contains(m.plain, "Hallo 山田 <b>太郎</b>,") || !strings.Contains(m.plain, os.Getenv("SITE_URL")+"/orders/"+order.OrderID) || len(m.files) != 1 || m.files[0] != "boxoffice.ics" {
		t.Errorf("%+v", m)
	}
	at := *confirmed.Timeline[len(confirmed.Timeline)-1].At
	t.Logf("from CONFIRMED to the mail: %s", m.writtenAt.Sub(at.Time()).Round(time.Millisecond))
	if s.HoldFor <= maxHoldInTests {
		left := s.place(t, p.Client, "key-2", s.takeSeats(t, 1)...)
		s.waitDecided(t, p.Client, left.OrderID)
		eventually(t, s.HoldFor+maxFreeDelay+mailWithin, func() (bool, string) {
			return len(mailsTo(t, address, "hold-ended")) == 1, "there is no mail about the end of the hold"
		})
	}
	if again := mailsTo(t, address, "order-confirmed"); len(again) != 1 {
		t.Errorf("%d mails", len(again))
	}
}

// After a bounce the account gets no more mails.
func TestABounceStopsMails(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	p, address := signedUp(t, s, "Anna", "en")
	waitMail(t, address, "confirm-address")
	// The message as the rule makes it of the event: nobody but SES may send an event with its source, neither on AWS nor here. The
	// specification's own test makes the message of the event.
	stop, err := message.Encode(message.StopMails{UserIDs: []string{p.userID(t)}, Reason: message.MailBounced}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(t, stop)
	eventually(t, mailWithin, func() (bool, string) {
		out, err := s.Dynamo.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: aws.String(s.Table("sent")), Key: map[string]dynamotypes.AttributeValue{"effect": &dynamotypes.AttributeValueMemberS{Value: readmodel.StopEffect(p.userID(t))}},
		})
		return err == nil && out.Item != nil, fmt.Sprintf("the bounce is not stored: %v", err)
	})
	p.send(t, http.MethodPost, "/auth/password-resets", fmt.Sprintf(`{"email":%q}`, address), http.StatusAccepted)
	// The mail to another account, which was asked for later, shows that the queue has been read.
	other, otherAddress := signedUp(t, s, "Bert", "en")
	other.send(t, http.MethodPost, "/auth/password-resets", fmt.Sprintf(`{"email":%q}`, otherAddress), http.StatusAccepted)
	waitMail(t, otherAddress, "reset-password")
	if all := mailsTo(t, address, "reset-password"); len(all) != 0 {
		t.Errorf("%d mails to an address that bounced", len(all))
	}
}
