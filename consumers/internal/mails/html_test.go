package mails_test

import (
	"html/template"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"boxoffice/consumers/internal/mails"
)

// reference is the page of a mail as html/template makes it, which escapes every value by its place.
var reference = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{.Locale}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#111;background:#fff">
<div style="max-width:36em;margin:0 auto">
<p>Hello{{if .Name}} <bdi>{{.Name}}</bdi>{{end}},</p>
<p>&lt;b&gt; of <bdi>{{.Concert}}</bdi> &amp; more</p>
<table style="border-collapse:collapse">
<tr><th scope="row" style="text-align:start;vertical-align:top;padding:2px 16px 2px 0">{{.Label}}</th><td>{{range $i, $v := .Values}}{{if $i}}<br>{{end}}<bdi>{{$v}}</bdi>{{end}}</td></tr>
</table>
<p><a href="{{.Link}}" style="display:inline-block;padding:10px 18px;background:#111;color:#fff;text-decoration:none;border-radius:6px">{{.Button}}</a></p>
<p style="font-size:13px;color:#555">If the button does not work, copy this address into your browser:<br><a href="{{.Link}}" style="color:#555;word-break:break-all">{{.Link}}</a></p>
<p>Your Boxoffice</p>
<p style="font-size:13px;color:#555">This mail was sent automatically. Nobody reads replies to it.</p>
</div></body></html>
`))

// document returns what a mail program makes of a page.
func document(t *testing.T, page string) string {
	t.Helper()
	parsed, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := html.Render(&b, parsed); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever the names are, a mail program sees the document that html/template would have made.
func TestPagesAreEscapedAsByTheLibrary(t *testing.T) {
	for _, odd := range []string{
		"Anna", "", `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "' onmouseover='x", "a & b &amp; c &lt;", "</bdi></p><h1>", "{name}{concert}{{.Link}}",
		"<!--", "]]>", "\u202eevil\u202c", "ليالي", "日本 \u2028", "&#60;b&#62;", "`${x}`", "--></style><style>",
	} {
		page := mails.Page("en", []string{"Hello{name},", "<b> of {concert} & more"}, odd, odd, "https://boxoffice.example/confirm#a.b-c_d", odd+".", odd, odd)
		var want strings.Builder
		err := reference.Execute(&want, map[string]any{
			"Locale": "en", "Name": odd, "Concert": odd, "Link": "https://boxoffice.example/confirm#a.b-c_d", "Label": odd + ".", "Button": "See " + odd + ".", "Values": []string{odd, odd},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := document(t, page), document(t, want.String()); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", odd, got, want)
		}
	}
}

func TestTextsHaveNoOtherPlaceholders(t *testing.T) {
	for text, good := range map[string]bool{"Hello{name}": true, "{concert}": true, "{{.Name}}": false, "{seat}": false, "<b>": false, "}": false} {
		err := mails.Parse([]byte(`{"en":{"mails":{"order-confirmed":{"subject":"` + text + `","paragraphs":[]}}}}`))
		if (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
