package mails

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
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

// entry has the texts of one mail. In them, {{.Name}} and {{.Concert}} stand for the names of the buyer and of the concert.
// The buyer's is "" until his address is confirmed.
type entry struct {
	Subject    string   `json:"subject"`
	Paragraphs []string `json:"paragraphs"`
	Button     string   `json:"button"`
}

// text is a mail in words.
type text struct{ locale, subject, plain, html string }

// data is what the templates of texts see.
type data struct {
	Name, Concert, Link, Button, LinkHint, Locale string
	Details                                       []detail
}

// detail is a line about an order.
type detail struct {
	Label  string
	Values []string
}

// templates are the parsed texts of one mail in one language.
type templates struct {
	subject, plain *texttemplate.Template
	html           *htmltemplate.Template
}

type catalogue struct {
	locales   map[string]locale
	templates map[string]map[Kind]templates
}

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
	c := catalogue{templates: map[string]map[Kind]templates{}}
	d := json.NewDecoder(strings.NewReader(string(content)))
	d.DisallowUnknownFields()
	if err := d.Decode(&c.locales); err != nil {
		return c, fmt.Errorf("texts.json: %w", err)
	}
	for name, l := range c.locales {
		c.templates[name] = map[Kind]templates{}
		for kind, e := range l.Mails {
			t, err := l.compile(e)
			if err != nil {
				return c, fmt.Errorf("texts.json: %s, %s: %w", name, kind, err)
			}
			c.templates[name][kind] = t
		}
	}
	return c, nil
}

// compile makes the templates of a mail. The texts are constants of the program, and are escaped when the HTML is made; the values
// in them are escaped by html/template.
func (l locale) compile(e entry) (t templates, err error) {
	paragraphs := append([]string{l.Greeting}, e.Paragraphs...)
	plain := strings.Join(paragraphs, "\n\n") + plainDetails + "\n\n" + l.Closing + "\n\n-- \n" + l.Footer + "\n"
	var body strings.Builder
	for _, p := range paragraphs {
		body.WriteString("<p>" + isolated(html.EscapeString(p)) + "</p>\n")
	}
	page := strings.NewReplacer("BODY", body.String(), "CLOSING", html.EscapeString(l.Closing), "FOOTER", html.EscapeString(l.Footer)).Replace(htmlPage)
	if t.subject, err = texttemplate.New("subject").Option("missingkey=error").Parse(e.Subject); err != nil {
		return t, err
	}
	if t.plain, err = texttemplate.New("plain").Option("missingkey=error").Parse(plain); err != nil {
		return t, err
	}
	t.html, err = htmltemplate.New("html").Option("missingkey=error").Parse(page)
	return t, err
}

// isolated keeps the direction of a name from turning the text around it.
func isolated(text string) string {
	return strings.NewReplacer("{{.Name}}", `<bdi>{{.Name}}</bdi>`, "{{.Concert}}", `<bdi>{{.Concert}}</bdi>`).Replace(text)
}

const plainDetails = `{{if .Details}}
{{end}}{{range .Details}}{{$label := .Label}}{{range $i, $v := .Values}}
{{if eq $i 0}}{{$label}}: {{else}}  {{end}}{{$v}}{{end}}{{end}}{{if .Link}}

{{.Button}}:
{{.Link}}{{end}}`

const htmlPage = `<!doctype html>
<html lang="{{.Locale}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#111;background:#fff">
<div style="max-width:36em;margin:0 auto">
BODY{{if .Details}}<table style="border-collapse:collapse">
{{range .Details}}<tr><th scope="row" style="text-align:start;vertical-align:top;padding:2px 16px 2px 0">{{.Label}}</th><td>{{range $i, $v := .Values}}{{if $i}}<br>{{end}}<bdi>{{$v}}</bdi>{{end}}</td></tr>
{{end}}</table>
{{end}}{{if .Link}}<p><a href="{{.Link}}" style="display:inline-block;padding:10px 18px;background:#111;color:#fff;text-decoration:none;border-radius:6px">{{.Button}}</a></p>
<p style="font-size:13px;color:#555">{{.LinkHint}}<br><a href="{{.Link}}" style="color:#555;word-break:break-all">{{.Link}}</a></p>
{{end}}<p>CLOSING</p>
<p style="font-size:13px;color:#555">FOOTER</p>
</div></body></html>
`

// textOf returns a content in words, in the language of its account.
func textOf(c Content) (text, error) {
	name, l := localeOf(c.User.Locale)
	t, known := all.templates[name][c.Kind]
	if !known {
		return text{}, fmt.Errorf("there is no text for %q", c.Kind)
	}
	d := data{Name: nameOf(c.User), Link: c.Link, Button: l.Mails[c.Kind].Button, LinkHint: l.LinkHint, Locale: name}
	if c.Order != nil {
		d.Concert, d.Details = oneLine(c.Order.Concert.Title), l.details(*c.Order)
	}
	var subject, plain, page strings.Builder
	for _, err := range []error{t.subject.Execute(&subject, d), t.plain.Execute(&plain, d), t.html.Execute(&page, d)} {
		if err != nil {
			return text{}, fmt.Errorf("text of %s in %s: %w", c.Kind, name, err)
		}
	}
	return text{locale: name, subject: subject.String(), plain: plain.String(), html: page.String()}, nil
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
	add(l.Labels.Concert, summaryOf(o.Concert))
	add(l.Labels.Venue, placeOf(o.Concert))
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
