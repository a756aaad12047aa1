package mails_test

import (
	"encoding/json"
	"errors"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/testkit/mailtest"
	"boxoffice/contracts"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
)

var sender = mails.Sender{From: mail.Address{Name: "Boxoffice", Address: "tickets@boxoffice.example"}, Site: "https://boxoffice.example:8443"}

// at is in the zone of the computer; the header says so.
var at = time.Date(2027, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

func content(kind mails.Kind, name, locale string) mails.Content {
	return mails.Content{
		Kind: kind, Link: "https://boxoffice.example/x#a&b", User: readmodel.User{UserID: "u1", Name: name, Email: "Anna@Example.com", MailKey: "anna@example.com", EmailConfirmed: true, Locale: locale},
		Order: &mails.Order{
			Row: readmodel.Order{OrderID: "e1", Version: 4, Amount: &contracts.Money{Minor: 123450, Currency: "EUR"}},
			Concert: readmodel.Concert{
				Title: "Tom & <b>Jerry</b>", Venue: "Halle", City: "Köln", TimeZone: "Europe/Berlin", StartsAt: contracts.InstantOf(time.Date(2027, 10, 31, 19, 0, 0, 0, time.UTC)),
				DoorsAt: contracts.InstantOf(time.Date(2027, 10, 30, 23, 30, 0, 0, time.UTC)),
			},
			Seats: []mails.Seat{{Name: "A-1-1", Place: orderview.Place{SectionName: "Rang", Row: "3", SeatNumber: 7}}, {Name: "S-0001", Place: orderview.Place{SectionName: "Steh"}}, {Name: "X-9"}},
		},
	}
}

func made(t *testing.T, c mails.Content) (mails.Mail, mailtest.Received) {
	t.Helper()
	m, err := sender.Make("effect", c, at)
	if err != nil {
		t.Fatal(err)
	}
	return m, mailtest.Parse(t, m.Raw)
}

// Each kind has a text in each language, and no mail has an unfilled place.
func TestEveryKindHasATextInEveryLanguage(t *testing.T) {
	raw, err := os.ReadFile("texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var catalogue map[string]struct{ Mails map[mails.Kind]any }
	if err := json.Unmarshal(raw, &catalogue); err != nil {
		t.Fatal(err)
	}
	for locale, c := range catalogue {
		if len(c.Mails) != len(mails.Kinds()) {
			t.Errorf("%s has %d mails, there are %d kinds", locale, len(c.Mails), len(mails.Kinds()))
		}
		for _, kind := range mails.Kinds() {
			m, r := made(t, content(kind, "Anna", locale))
			if r.Subject == "" || !strings.Contains(r.Plain, "Anna") || !strings.Contains(r.HTML, `<html lang="`+locale+`"`) || strings.Contains(string(m.Raw), "{{") || strings.Contains(r.Plain+r.HTML, "<no value>") {
				t.Errorf("%s %s: %s\n%s\n%s", locale, kind, r.Subject, r.Plain, r.HTML)
			}
			if r.Header.Get(mails.HeaderKind) != string(kind) || r.Header.Get("Auto-Submitted") != "auto-generated" || r.Header.Get("Mime-Version") != "1.0" {
				t.Errorf("%s %s: %v", locale, kind, r.Header)
			}
		}
	}
	if len(catalogue) != 2 {
		t.Errorf("%d languages", len(catalogue))
	}
}

func TestDatesAndAmountsAreThoseOfTheVenueAndTheLanguage(t *testing.T) {
	for locale, want := range map[string][]string{
		"en": {"Sunday, 31 October 2027, 20:00 (CET)", "Sunday, 31 October 2027, 01:30 (CEST)", "€1,234.50", "Rang, row 3, seat 7", "Steh (S-0001)", "X-9"},
		"de": {"Sonntag, 31. Oktober 2027, 20:00 Uhr (CET)", "Sonntag, 31. Oktober 2027, 01:30 Uhr (CEST)", "1.234,50 €", "Rang, Reihe 3, Platz 7"},
		"fr": {"Begins"}, // an account whose language has no texts gets English ones
	} {
		_, r := made(t, content(mails.OrderConfirmed, "Anna", locale))
		for _, part := range want {
			if !strings.Contains(r.Plain, "\nConcert: Tom & <b>Jerry</b>\nVenue: ") && locale != "de" || !strings.Contains(r.Plain, part) || !strings.Contains(r.HTML, part) {
				t.Errorf("%s lacks %q:\n%s", locale, part, r.Plain)
			}
		}
	}
	for want, m := range map[string]contracts.Money{"JPY 1,200": {Minor: 1200, Currency: "JPY"}, "KWD 0.005": {Minor: 5, Currency: "KWD"}, "-€1.00": {Minor: -100, Currency: "EUR"}, "€1,234,567.89": {Minor: 123456789, Currency: "EUR"}} {
		c := content(mails.OrderConfirmed, "Anna", "en")
		c.Order.Row.Amount = &m
		if _, r := made(t, c); !strings.Contains(r.Plain, want) {
			t.Errorf("%+v is not %q:\n%s", m, want, r.Plain)
		}
	}
}

// Whatever an account or a concert is called, the mail has exactly its own headers, one recipient, and escaped HTML.
func TestNamesInjectNothing(t *testing.T) {
	_, plain := made(t, content(mails.OrderConfirmed, "Anna", "en"))
	long := strings.Repeat("Ünïcödé ", 60)
	for _, name := range []string{
		"Eve\r\nBcc: all@example.com", "Eve\nSubject: x", "Eve\rX: y", "Eve\u2028Bcc: a@b.c", "a\x00b\x1b", `"Eve" <eve@evil.example>`, "eve@evil.example, ",
		"=?utf-8?q?=0D=0ABcc:_a@b.c?=", "<script>alert(1)</script>", "{{.Link}}", "Anna 🎻🎶", "محمد العربي", "עברית", "山田太郎", long, "a\xffb", "&amp; <b>",
	} {
		for _, title := range []string{name, "Plain"} {
			c := content(mails.OrderConfirmed, name, "en")
			c.Order.Concert.Title = title
			m, r := made(t, c)
			if len(r.To) != 1 || r.To[0].Address != "Anna@example.com" || m.To != "Anna@example.com" || len(r.From) != 1 || r.From[0].Address != "tickets@boxoffice.example" {
				t.Errorf("%q: to %v, from %v", name, r.To, r.From)
			}
			if len(r.Header) != len(plain.Header) || r.Header.Get("Bcc") != "" {
				t.Errorf("%q: headers %v", name, r.Header)
			}
			head, _, _ := strings.Cut(string(m.Raw), "\r\n\r\n")
			for line := range strings.SplitSeq(head, "\r\n") {
				if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
					t.Errorf("%q: header line %q", name, line)
				}
			}
			for _, r := range head {
				if r > 126 {
					t.Errorf("%q: the headers are not ASCII: %q", name, head)
					break
				}
			}
			for _, tag := range []string{"<script", "<b>", "<eve@"} {
				if strings.Contains(r.HTML, tag) {
					t.Errorf("%q: %s in the HTML", name, tag)
				}
			}
			if strings.Count(string(m.Raw), "MIME-Version") != 1 {
				t.Errorf("%q: %s", name, head)
			}
		}
	}
	_, r := made(t, content(mails.OrderConfirmed, "Eve\r\nBcc: all@example.com", "en"))
	if r.To[0].Name != "Eve Bcc: all@example.com" || !strings.Contains(r.Plain, "Hello Eve Bcc: all@example.com,\n") {
		t.Errorf("%q\n%s", r.To[0].Name, r.Plain)
	}
	_, r = made(t, content(mails.OrderConfirmed, "山田太郎 🎻", "en"))
	if r.To[0].Name != "山田太郎 🎻" || !strings.Contains(r.Plain, "Hello 山田太郎 🎻,") || !strings.Contains(r.HTML, "<bdi>山田太郎 🎻</bdi>") || !strings.Contains(r.HTML, "Tom &amp; &lt;b&gt;Jerry&lt;/b&gt;") {
		t.Errorf("%q\n%s\n%s", r.To[0].Name, r.Plain, r.HTML)
	}
	if r.Subject != "Your tickets for Tom & <b>Jerry</b>" {
		t.Errorf("%q", r.Subject)
	}
}

// Whoever signs up with the address of another sends him no text of his own.
func TestNoMailHasTheNameOfAnAddressThatIsNotConfirmed(t *testing.T) {
	for locale, greeting := range map[string]string{"en": "Hello,", "de": "Hallo,"} {
		for _, kind := range mails.Kinds() {
			c := content(kind, "You won! Go to evil.example/x", locale)
			c.User.EmailConfirmed = false
			m, r := made(t, c)
			if !strings.HasPrefix(r.Plain, greeting+"\n") || !strings.Contains(r.HTML, "<p>"+greeting+"</p>") || r.To[0].Name != "" || r.To[0].Address != "Anna@example.com" {
				t.Errorf("%s %s: to %v\n%s\n%s", locale, kind, r.To, r.Plain, r.HTML)
			}
			if strings.Contains(string(m.Raw)+r.Plain+r.HTML+r.Subject, "evil") {
				t.Errorf("%s %s has the name: %s", locale, kind, m.Raw)
			}
		}
	}
}

func TestHeadersThatDependOnTheMail(t *testing.T) {
	first, r := made(t, content(mails.OrderConfirmed, "Anna", "en"))
	again, err := sender.Make("effect", content(mails.OrderConfirmed, "Anna", "en"), at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	other, err := sender.Make("other", content(mails.OrderConfirmed, "Anna", "en"), at)
	if err != nil {
		t.Fatal(err)
	}
	if id := r.Header.Get("Message-Id"); id != "<"+first.Hash()+"@boxoffice.example>" || first.Hash() != again.Hash() || first.Hash() == other.Hash() {
		t.Errorf("%s; %s, %s, %s", id, first.Hash(), again.Hash(), other.Hash())
	}
	if own := r.Header.Get(mails.HeaderMail); own != first.Hash() {
		t.Errorf("%s is %q", mails.HeaderMail, own)
	}
	if date, err := r.Header.Date(); err != nil || !date.Equal(at) {
		t.Errorf("%s, %v", date, err)
	}
}

// A domain of another script is written in ASCII; what SES cannot send to is said.
func TestAddresses(t *testing.T) {
	for _, c := range []struct{ email, key, want string }{
		{"Anna@Bücher.example", "anna@xn--bcher-kva.example", "Anna@xn--bcher-kva.example"},
		{"jürgen@example.com", "jürgen@example.com", ""},
		{"anna@example.com", "", ""},
		{"", "anna@example.com", ""},
		{"anna\r\nBcc: x@example.com", "anna@example.com", ""},
	} {
		u := readmodel.User{UserID: "u1", Name: "Anna", Email: c.email, MailKey: c.key}
		m, err := sender.Make("effect", mails.Content{Kind: mails.ConfirmAddress, User: u}, at)
		if c.want == "" && !errors.Is(err, mails.ErrNoAddress) || c.want != "" && (err != nil || m.To != c.want) {
			t.Errorf("%q: %q, %v", c.email, m.To, err)
		}
	}
}
