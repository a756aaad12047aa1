package mails

// Page is a mail in HTML, for the tests.
func Page(locale string, paragraphs []string, name, concert, link, label string, values ...string) string {
	l := all.locales[locale]
	d := data{Name: name, Concert: concert, Link: link, Button: "See " + label, LinkHint: l.LinkHint, Locale: locale}
	if label != "" {
		d.Details = []detail{{label, values}}
	}
	return htmlOf(l, paragraphs, d)
}

// Parse parses a catalogue of texts.
func Parse(content []byte) error {
	_, err := parse(content)
	return err
}
