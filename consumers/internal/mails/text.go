package mails

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"strings"
)

// texts is the catalogue.
//
//go:embed texts.json
var texts []byte

// defaultLocale is that of an account whose locale has no texts.
const defaultLocale = "en"

// locale has the texts of one language.
type locale struct {
	Words words `json:"words"`
	// Greeting, Closing and Footer are in every mail. LinkHint stands before the address of the button in HTML.
	Greeting string `json:"greeting"`
	Closing  string `json:"closing"`
	Footer   string `json:"footer"`
	LinkHint string `json:"linkHint"`
	// Labels are those of an order's details.
	Labels struct {
		Concert, Venue, Starts, Doors, Seats, Amount, Order string
	} `json:"labels"`
	Mails map[Kind]entry `json:"mails"`
}

// entry has the texts of one mail. In them, {concert} stands for the name of the concert, and {name} for a space and the name of the
// buyer, or for nothing: until the address is confirmed, a mail has no name.
type entry struct {
	Subject    string   `json:"subject"`
	Paragraphs []string `json:"paragraphs"`
	Button     string   `json:"button"`
}

// text is a mail in words.
type text struct{ locale, subject, plain, html string }

// data is what a mail shows.
type data struct {
	Name, Concert, Link, Button, LinkHint, Locale string
	Details                                       []detail
}

// detail is a line about an order.
type detail struct {
	Label  string
	Values []string
}

// catalogue has the texts by language.
type catalogue struct{ locales map[string]locale }

var all = mustParse(texts)

// mustParse parses the catalogue, which is a part of the program: a test parses it too.
func mustParse(content []byte) catalogue {
	c, err := parse(content)
	if err != nil {
		panic(err)
	}
	return c
}

func parse(content []byte) (catalogue, error) {
	c := catalogue{}
	d := json.NewDecoder(strings.NewReader(string(content)))
	d.DisallowUnknownFields()
	if err := d.Decode(&c.locales); err != nil {
		return c, fmt.Errorf("texts.json: %w", err)
	}
	for name, l := range c.locales {
		for kind, e := range l.Mails {
			for _, t := range append([]string{l.Greeting, l.Closing, l.Footer, e.Subject}, e.Paragraphs...) {
				if strings.ContainsAny(strings.NewReplacer(placeName, "", placeConcert, "").Replace(t), "{}<>") {
					return c, fmt.Errorf("texts.json: %s, %s: %q has another placeholder than %s and %s", name, kind, t, placeName, placeConcert)
				}
			}
		}
	}
	return c, nil
}

// The places of names in texts.
const (
	placeName    = "{name}"
	placeConcert = "{concert}"
)

// plainOf returns the text of a mail without HTML.
func plainOf(l locale, paragraphs []string, d data) string {
	name := d.Name
	if name != "" {
		name = " " + name
	}
	var b strings.Builder
	b.WriteString(strings.NewReplacer(placeName, name, placeConcert, d.Concert).Replace(strings.Join(paragraphs, "\n\n")))
	if len(d.Details) > 0 {
		b.WriteString("\n")
	}
	for _, line := range d.Details {
		b.WriteString("\n" + line.Label + ": " + strings.Join(line.Values, "\n  "))
	}
	if d.Link != "" {
		b.WriteString("\n\n" + d.Button + ":\n" + d.Link)
	}
	b.WriteString("\n\n" + l.Closing + "\n\n-- \n" + l.Footer + "\n")
	return b.String()
}

// markup writes HTML. Text gets into it by text and attribute alone, which escape it; a test compares the page with that of
// html/template. That package is not used here, since with it the linker keeps every method of every type, the AWS SDK's too: the
// function would be 5 MB larger.
type markup struct{ strings.Builder }

// raw writes a constant of the program.
func (m *markup) raw(constant string) { m.WriteString(constant) }

// text writes a text, also into an attribute in double quotes.
func (m *markup) text(text string) { m.WriteString(html.EscapeString(text)) }

// isolated writes a text whose direction does not turn what is around it.
func (m *markup) isolated(text string) {
	m.raw("<bdi>")
	m.text(text)
	m.raw("</bdi>")
}

// paragraph writes a text with its names.
func (m *markup) paragraph(text string, d data) {
	m.raw("<p>")
	for text != "" {
		at := strings.IndexByte(text, '{')
		if at < 0 {
			break
		}
		m.text(text[:at])
		switch text = text[at:]; {
		case strings.HasPrefix(text, placeConcert):
			m.isolated(d.Concert)
			text = strings.TrimPrefix(text, placeConcert)
		default: // placeName: parse allows no other
			if d.Name != "" {
				m.raw(" ")
				m.isolated(d.Name)
			}
			text = strings.TrimPrefix(text, placeName)
		}
	}
	m.text(text)
	m.raw("</p>\n")
}

// htmlOf returns the HTML of a mail.
func htmlOf(l locale, paragraphs []string, d data) string {
	m := &markup{}
	m.raw(`<!doctype html>
<html lang="`)
	m.text(d.Locale)
	m.raw(`"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#111;background:#fff">
<div style="max-width:36em;margin:0 auto">
`)
	for _, p := range paragraphs {
		m.paragraph(p, d)
	}
	if len(d.Details) > 0 {
		m.raw("<table style=\"border-collapse:collapse\">\n")
		for _, line := range d.Details {
			m.raw(`<tr><th scope="row" style="text-align:start;vertical-align:top;padding:2px 16px 2px 0">`)
			m.text(line.Label)
			m.raw("</th><td>")
			for i, value := range line.Values {
				if i > 0 {
					m.raw("<br>")
				}
				m.isolated(value)
			}
			m.raw("</td></tr>\n")
		}
		m.raw("</table>\n")
	}
	if d.Link != "" {
		m.raw(`<p><a href="`)
		m.text(d.Link)
		m.raw(`" style="display:inline-block;padding:10px 18px;background:#111;color:#fff;text-decoration:none;border-radius:6px">`)
		m.text(d.Button)
		m.raw("</a></p>\n<p style=\"font-size:13px;color:#555\">")
		m.text(d.LinkHint)
		m.raw(`<br><a href="`)
		m.text(d.Link)
		m.raw(`" style="color:#555;word-break:break-all">`)
		m.text(d.Link)
		m.raw("</a></p>\n")
	}
	m.raw("<p>")
	m.text(l.Closing)
	m.raw("</p>\n<p style=\"font-size:13px;color:#555\">")
	m.text(l.Footer)
	m.raw("</p>\n</div></body></html>\n")
	return m.String()
}

// textOf returns a content in words, in the language of its account.
func textOf(c Content) (text, error) {
	name, l := localeOf(c.User.Locale)
	e, known := l.Mails[c.Kind]
	if !known {
		return text{}, fmt.Errorf("there is no text for %q", c.Kind)
	}
	d := data{Name: nameOf(c.User), Link: c.Link, Button: e.Button, LinkHint: l.LinkHint, Locale: name}
	if c.Order != nil {
		d.Concert, d.Details = oneLine(c.Order.Concert.Title), l.details(*c.Order)
	}
	paragraphs := append([]string{l.Greeting}, e.Paragraphs...)
	subject := strings.ReplaceAll(e.Subject, placeConcert, d.Concert)
	return text{locale: name, subject: subject, plain: plainOf(l, paragraphs, d), html: htmlOf(l, paragraphs, d)}, nil
}

// localeOf returns a locale, or the default if it has no texts.
func localeOf(name string) (string, locale) {
	if l, known := all.locales[name]; known {
		return name, l
	}
	return defaultLocale, all.locales[defaultLocale]
}

// details returns the lines about an order.
func (l locale) details(o Order) []detail {
	var details []detail
	add := func(label string, values ...string) {
		for i, v := range values {
			values[i] = oneLine(v)
		}
		if len(values) > 0 && values[0] != "" {
			details = append(details, detail{label, values})
		}
	}
	add(l.Labels.Concert, o.Concert.FullTitle())
	add(l.Labels.Venue, o.Concert.Place())
	if o.Concert.StartsAt != 0 {
		add(l.Labels.Starts, l.Words.date(o.Concert.StartsAt, o.Concert.TimeZone))
	}
	if o.Concert.DoorsAt != 0 {
		add(l.Labels.Doors, l.Words.date(o.Concert.DoorsAt, o.Concert.TimeZone))
	}
	seats := make([]string, len(o.Seats))
	for i, s := range o.Seats {
		seats[i] = l.Words.seat(s)
	}
	add(l.Labels.Seats, seats...)
	if o.Row.Amount != nil {
		add(l.Labels.Amount, l.Words.money(*o.Row.Amount))
	}
	add(l.Labels.Order, string(o.Row.OrderID))
	return details
}
