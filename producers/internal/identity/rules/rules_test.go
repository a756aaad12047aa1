package rules_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"boxoffice/producers/internal/identity/rules"
)

func refused(t *testing.T, err error, code, sent string) {
	t.Helper()
	var r *rules.Refusal
	if !errors.As(err, &r) || r.Code != code || r.Detail == "" {
		t.Errorf("%q: %v, want %s", sent, err, code)
		return
	}
	if len(sent) > 3 && code != rules.CodeWeakPassword && strings.Contains(err.Error(), sent) {
		t.Errorf("the refusal has what was sent: %v", err)
	}
}

func TestMailsThatAreOneAddressHaveOneKey(t *testing.T) {
	for _, c := range []struct{ text, key, shown string }{
		{"anna@example.com", "anna@example.com", ""},
		{" Anna@Example.COM ", "anna@example.com", "Anna@Example.COM"},
		{"ANNA+tickets@example.com", "anna+tickets@example.com", ""},
		{"rené@example.com", "rené@example.com", ""},
		{"rene\u0301@example.com", "rené@example.com", "rené@example.com"},
		{"RENE\u0301@example.com", "rené@example.com", "RENÉ@example.com"},
		{"anna@bücher.example", "anna@xn--bcher-kva.example", ""},
		{"anna@BÜCHER.example", "anna@xn--bcher-kva.example", ""},
		{"anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example", ""},
		{"anna@bu\u0308cher.example", "anna@xn--bcher-kva.example", "anna@bücher.example"},
		{"анна@почта.рф", "анна@xn--80a1acny.xn--p1ai", ""},
		{"ΝΙΚΟΣ@example.com", "νικοσ@example.com", ""},
		{"νικος@example.com", "νικοσ@example.com", ""},
		{"o'hara@example.co.uk", "o'hara@example.co.uk", ""},
		{strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com", ""},
	} {
		got, err := rules.ParseMail(c.text)
		if c.shown == "" {
			c.shown = c.text
		}
		if err != nil || got.Key != c.key || got.Shown != c.shown {
			t.Errorf("%q: %+v, %v, want key %q, shown %q", c.text, got, err, c.key, c.shown)
		}
		if again, err := rules.ParseMail(got.Key); err != nil || again.Key != got.Key {
			t.Errorf("the key %q is not its own key: %+v, %v", got.Key, again, err)
		}
	}
}

func TestMailsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "@", "anna", "anna@", "@example.com", "anna@localhost", "a b@example.com", "anna@exa mple.com", ".a@example.com", "a.@example.com",
		"a..b@example.com", "a@b@example.com", `"a"@example.com`, "anna@127.0.0.1", "anna@[127.0.0.1]", "anna@example..com", "anna@-x.com",
		"anna@example.com.", "an\x00na@example.com", "anna@example\x00.com", "anna@example.com\nBcc: x@example.com", "anna😀@example.com",
		"an\u202ena@example.com", "\u3164@example.com", "an\u200bna@example.com", "anna\uff0eb@example.com", "anna@load.invalid", "anna@" + strings.Repeat("a", 64) + ".com", strings.Repeat("a", 65) + "@example.com",
		strings.Repeat("a", 60) + "@" + strings.Repeat("b.", 97) + "example.com", "\xff@example.com", "<anna@example.com>", "anna,bob@example.com",
	} {
		_, err := rules.ParseMail(text)
		refused(t, err, rules.CodeInvalidEmail, text)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"Anna": "Anna", "  Anna Berg ": "Anna Berg", "Rene\u0301": "René", "😀 Anna": "😀 Anna", "عمر": "عمر", "👩\u200d🎤": "👩\u200d🎤",
		strings.Repeat("e\u0301", 100): strings.Repeat("é", 100), "李": "李",
	} {
		if got, err := rules.ParseName(text); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "  ", "\x00", "An\x00na", "An\nna", "abc\u202egnp", "\u2066x", "...", "\u200d", "\u3164", " \u2800\u115f", strings.Repeat("x", 101), strings.Repeat("x", 1000), "\xff"} {
		_, err := rules.ParseName(text)
		refused(t, err, rules.CodeInvalidName, text)
	}
}

func TestPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"korrekt pferd batterie":       "korrekt pferd batterie",
		"pa\u0308sswo\u0308rd-x":       "pässwörd-x",
		strings.Repeat("ü", 8):         strings.Repeat("ü", 8),
		strings.Repeat("o\u0308", 128): strings.Repeat("ö", 128),
		strings.Repeat("😀", 128):       strings.Repeat("😀", 128),
		"  eight  ":                    "  eight  ",
	} {
		got, err := rules.ParsePassword(text, "Anna", "anna@example.com")
		if err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "short", "1234567", strings.Repeat("o\u0308", 7), strings.Repeat("x", 129), "password", "PassWord", "12345678", "iloveyou", "qwertyuiop",
		"Anna-Berg", "ANNA@example.com",
	} {
		_, err := rules.ParsePassword(text, "anna-berg", "anna@example.com")
		refused(t, err, rules.CodeWeakPassword, text)
	}
}

func TestLocales(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "en-GB,de;q=0.9": "en", "fr,de;q=0.5": "de", "fr": "en", "*": "en", "de;q=x": "en",
		"\x00": "en", "en;q=0.1,de;q=0.9": "de",
	} {
		if got := rules.LocaleOf(header); got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
	}
	for text, want := range map[string]bool{"en": true, "de": true, "": false, "DE": false, "de-DE": false, "fr": false} {
		if _, ok := rules.ParseLocale(text); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

// No address changes its meaning by being parsed again, and none leaves its bounds.
func FuzzParseMail(f *testing.F) {
	for _, text := range []string{"anna@example.com", "rene\u0301@BÜCHER.example", "a@b", "İ@example.com", "ẞ@straße.example"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := rules.ParseMail(text)
		if err != nil {
			return
		}
		again, err := rules.ParseMail(got.Key)
		if err != nil || again.Key != got.Key || len(got.Key) > 254 || !utf8.ValidString(got.Key) || strings.ContainsAny(got.Key, " \t\r\n\x00<>\"") {
			t.Errorf("%q: key %q, again %q, %v", text, got.Key, again.Key, err)
		}
	})
}
