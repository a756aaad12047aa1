// Package mailtest is the conformance suite of what sends mails, and reads mails for tests.
package mailtest

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/notify"
	"boxoffice/contracts/readmodel"
)

// Received is a mail as its reader sees it.
type Received struct {
	Header             mail.Header
	To, From           []*mail.Address
	Subject            string
	Plain, HTML        string
	Calendar           string
	CalendarMediaType  string
	Attachments, Parts int
}

// Sample is an account with names that must appear in no log and no error.
var Sample = readmodel.User{UserID: "u1", Name: "C4n4ry Grün", Email: "c4n4ry@example.com", MailKey: "c4n4ry@example.com", EmailConfirmed: true, Locale: "de"}

// Mail makes a mail for Sample.
func Mail(t testing.TB, effect string) mails.Mail {
	t.Helper()
	s := mails.Sender{From: mail.Address{Name: "Boxoffice", Address: "tickets@boxoffice.example"}, Site: "https://boxoffice.example"}
	m, err := s.Make(effect, mails.Content{Kind: mails.ConfirmAddress, User: Sample, Link: "https://boxoffice.example/confirm#c4n4ry"}, time.Unix(1_800_000_000, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Exercise runs the suite. open makes a mailer and a function that returns what has arrived. Received may lack headers if the server
// shows only the parts of a mail.
func Exercise(t *testing.T, open func(t *testing.T) (notify.Mailer, func(t *testing.T) []Received)) {
	t.Run("a mail arrives whole", func(t *testing.T) {
		mailer, arrived := open(t)
		if err := mailer.Send(t.Context(), Mail(t, "a")); err != nil {
			t.Fatal(err)
		}
		all := arrived(t)
		if len(all) != 1 || len(all[0].To) != 1 || all[0].To[0].Address != Sample.Email || all[0].Subject != "Bestätigen Sie Ihre E-Mail-Adresse" {
			t.Fatalf("%+v", all)
		}
		if m := all[0]; !strings.Contains(m.Plain, "Hallo C4n4ry Grün,") || !strings.Contains(m.HTML, "https://boxoffice.example/confirm#c4n4ry") {
			t.Errorf("%s\n%s", m.Plain, m.HTML)
		}
	})
	t.Run("each mail arrives", func(t *testing.T) {
		mailer, arrived := open(t)
		for _, effect := range []string{"a", "b", "c"} {
			if err := mailer.Send(t.Context(), Mail(t, effect)); err != nil {
				t.Fatal(err)
			}
		}
		if all := arrived(t); len(all) != 3 {
			t.Errorf("%d arrived", len(all))
		}
	})
	t.Run("nothing is sent after the end of the time, and the error shows nothing of the mail", func(t *testing.T) {
		mailer, arrived := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := mailer.Send(ctx, Mail(t, "a")); err == nil || strings.Contains(strings.ToLower(err.Error()), "c4n4ry") {
			t.Errorf("%v", err)
		}
		if all := arrived(t); len(all) != 0 {
			t.Errorf("%d arrived", len(all))
		}
	})
}

// Parse reads a mail.
func Parse(t testing.TB, raw []byte) Received {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	r := Received{Header: m.Header}
	if r.To, err = m.Header.AddressList("To"); err != nil {
		t.Fatal(err)
	}
	if r.From, err = m.Header.AddressList("From"); err != nil {
		t.Fatal(err)
	}
	if r.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	r.part(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return r
}

// part reads a part and those in it.
func (r *Received) part(t testing.TB, contentType, encoding string, body io.Reader) {
	t.Helper()
	r.Parts++
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(media, "multipart/") {
		for parts := multipart.NewReader(body, parameters["boundary"]); ; {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
				r.Attachments++
			}
			r.part(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	content, err := io.ReadAll(decoded(encoding, body))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	switch media {
	case "text/plain":
		r.Plain = text
	case "text/html":
		r.HTML = text
	case "text/calendar":
		r.Calendar, r.CalendarMediaType = string(content), contentType
	}
}

func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return newBase64(body)
	default:
		return body
	}
}
