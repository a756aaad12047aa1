package ticketpdf_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the system's zones

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/ticketpdf"
)

func vienna(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func document(t testing.TB, tickets int) ticketpdf.Document {
	t.Helper()
	key := ticketcode.FirstKey(bytes.Repeat([]byte{7}, 32))[0]
	d := ticketpdf.Document{
		Language: ticketpdf.English, OrderID: "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", Made: time.Date(2030, 2, 1, 10, 0, 0, 0, time.UTC),
		Concert: ticketpdf.Concert{
			Title: "Nocturne", Artist: "The Vienna Ensemble", Venue: "Theatre", City: "Vienna",
			Starts: time.Date(2030, 9, 14, 20, 0, 0, 0, vienna(t)), Doors: time.Date(2030, 9, 14, 19, 0, 0, 0, vienna(t)),
		},
	}
	for n := range tickets {
		d.Tickets = append(d.Tickets, ticketpdf.Ticket{
			ID: fmt.Sprintf("t7v2k9q4m8x1r4t6w0z5y1p3n%02d", n), Holder: "Anna Müller", Section: "Stalls centre", Row: "3", Seat: fmt.Sprint(8 + n),
			Code: key.Encode("nocturne-2030", ticketcode.Seat{Place: uint16(n)}, ticketcode.Code{byte(n)}), //nolint:gosec // G115: a few
		})
	}
	return d
}

func render(t testing.TB, d ticketpdf.Document) []byte {
	t.Helper()
	file, err := ticketpdf.Render(d)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// tool runs a program of poppler-utils on a file.
func tool(t testing.TB, name string, file []byte, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install poppler-utils", name)
		}
		t.Skipf("%s is missing: install poppler-utils to run this test", name)
	}
	path := filepath.Join(t.TempDir(), "tickets.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told bytes.Buffer
	c := exec.CommandContext(ctx, name, append([]string{path}, args...)...) //nolint:gosec // G204: fixed programs
	c.Stderr = &told
	out, err := c.Output()
	if err != nil || told.Len() > 0 {
		t.Fatalf("%s: %v %s", name, err, told.String())
	}
	return string(out)
}

// textOf returns the text of a file with single spaces, a page behind another.
func textOf(t testing.TB, file []byte) (pages []string) {
	t.Helper()
	for _, page := range strings.Split(strings.TrimSuffix(tool(t, "pdftotext", file, "-raw", "-"), "\f"), "\f") {
		pages = append(pages, strings.Join(strings.Fields(page), " "))
	}
	return pages
}

// Each ticket is a page, which says everything about it in each language, on the paper that was asked for.
func TestWhatAPageSays(t *testing.T) {
	for _, c := range []struct {
		language string
		paper    ticketpdf.Paper
		size     string
		says     []string
	}{
		{ticketpdf.English, ticketpdf.A4, "595.28 x 841.89 pts", []string{"Saturday, 14 September 2030 20:00", "Europe/Vienna, UTC+2", "Doors open 19:00", "Row 3", "Section Stalls centre", "Holder Anna Müller", "Where Theatre, Vienna"}},
		{ticketpdf.English, ticketpdf.Letter, "612 x 792 pts", []string{"Saturday, September 14, 2030 8:00 PM", "Doors open 7:00 PM"}},
		{ticketpdf.German, ticketpdf.A4, "595.28 x 841.89 pts", []string{"Samstag, 14. September 2030 20:00 Uhr", "Einlass 19:00 Uhr", "Reihe 3", "Inhaber Anna Müller", "Code für den Einlass"}},
	} {
		d := document(t, 2)
		d.Language, d.Paper = c.language, c.paper
		file := render(t, d)
		info := strings.Join(strings.Fields(tool(t, "pdfinfo", file)), " ")
		if !strings.Contains(info, c.size) || !strings.Contains(info, "Pages: 2 ") {
			t.Errorf("%s: %s", c.language, info)
		}
		pages := textOf(t, file)
		if len(pages) != 2 {
			t.Fatalf("%d pages", len(pages))
		}
		for n, page := range pages {
			for _, text := range append(c.says, "Nocturne", "The Vienna Ensemble", fmt.Sprintf("Ticket %d", n+1), d.OrderID, d.Tickets[n].ID) {
				if !strings.Contains(page, text) {
					t.Errorf("%s: page %d does not say %q: %s", c.language, n+1, text, page)
				}
			}
		}
		if strings.Contains(pages[0], d.Tickets[1].ID) {
			t.Error("a page has another ticket's number")
		}
	}
}

// A name is printed as it is if the fonts have it, and in Latin letters if not. It is never empty, never reversed, never markup.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"Zoë Ångström-Żółć":                     "Zoë Ångström-Żółć",
		"Nguyễn Thị Ánh":                        "Nguyễn Thị Ánh",
		"Nguye\u0302\u0303n":                    "Nguyễn", // composed
		"Αλέξανδρος Ωμέγα":                      "Αλέξανδρος Ωμέγα",
		"Юлія Їжакевич":                         "Юлія Їжакевич",
		"Արամ":                                  "Արամ",
		"ნინო":                                  "ნინო",
		"山田太郎":                                  "山田太郎",
		"髙橋 ひろみ・カタカナ":                           "髙橋 ひろみ・カタカナ",
		"김민준":                                   "김민준",
		"王伟 Wang":                               "王伟 Wang",
		"محمد علي":                              "mHmd `ly",
		"שָׁלוֹם":                               "SHalvom",
		"Anna محمد Müller":                      "Anna mHmd Müller",
		"अनिता":                                 "anitaa",
		"สมชาย":                                 "smchaay",
		`<b>Bobby</b> "&amp;" <script>`:         `<b>Bobby</b> "&amp;" <script>`,
		"(bracket \\ slash) Tj ET":              "(bracket \\ slash) Tj ET",
		"Anna 🎻 Müller":                         "Anna Müller",
		"🎻🎻":                                    "?",
		"tab\tand\nline\r\nand \x00null":        "tab and line and null",
		"\u202egnp.exe\u202c \u200fright\u200e": "gnp.exe right",
		"A\u0308rger":                           "Ärger",
		"\xff\xfe broken":                       "broken",
		"ﬁ ligature ½ № ™ € ₴":                  "ﬁ ligature ½ № ™ € ₴",
	} {
		d := document(t, 1)
		d.Tickets[0].Holder, d.Concert.Title = name, name
		page := textOf(t, render(t, d))[0]
		// poppler writes a ligature as its letters.
		page = strings.ReplaceAll(page, "ﬁ", "fi")
		want = strings.ReplaceAll(want, "ﬁ", "fi")
		if !strings.Contains(page, "Holder "+want) || strings.Count(page, want) < 2 {
			t.Errorf("%q is printed as %s, want %q", name, page, want)
		}
	}
}

// However long texts are, they stay on the page and off the code; what is cut ends in an ellipsis.
func TestLongTexts(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("Long words of a title ", 40), strings.Repeat("Donaudampfschifffahrtsgesellschaft", 20), strings.Repeat("夜想曲", 100), strings.Repeat("W", 3000), strings.Repeat("W ", 3000),
	} {
		d := document(t, 1)
		d.Paper, d.Concert.Cancelled = ticketpdf.Letter, true
		d.Concert.Title, d.Concert.Artist, d.Concert.Venue, d.Concert.City = text, text, text, text
		d.Tickets[0].Holder, d.Tickets[0].Section, d.Tickets[0].Row, d.Tickets[0].Seat = text, text, text, text
		file := render(t, d)
		if !strings.Contains(textOf(t, file)[0], "…") {
			t.Errorf("%.20q…: nothing is cut", text)
		}
		outside(t, tool(t, "pdftotext", file, "-bbox", "-"))
		if got := scan(t, file); got != d.Tickets[0].Code {
			t.Errorf("%.20q…: the code is read as %q", text, got)
		}
	}
}

// outside reports words beyond the edges of a page of Letter.
func outside(t *testing.T, boxes string) {
	t.Helper()
	words := 0
	for _, line := range strings.Split(boxes, "\n") {
		var x0, y0, x1, y1 float64
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), `<word xMin="%f" yMin="%f" xMax="%f" yMax="%f">`, &x0, &y0, &x1, &y1); n != 4 {
			continue
		}
		words++
		if x0 < 40 || y0 < 30 || x1 > 612-40 || y1 > 792-30 {
			t.Errorf("beyond the edge: %s", line)
		}
	}
	if words < 20 {
		t.Errorf("found %d words", words)
	}
}

// scan renders the first page in grey and reads its code with another program's reader.
func scan(t testing.TB, file []byte) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "page")
	tool(t, "pdftoppm", file, "-gray", "-r", "150", "-f", "1", "-l", "1", "-singlefile", "-png", out)
	f, err := os.Open(out + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	page, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(page)
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatalf("no code is read from the page: %v", err)
	}
	return read.GetText()
}

// The code of a page that was printed in grey is read as it is, on both papers, whichever characters it has.
func TestPrintedCodesAreRead(t *testing.T) {
	for n, paper := range []ticketpdf.Paper{ticketpdf.A4, ticketpdf.Letter} {
		d := document(t, 3)
		d.Paper, d.Tickets = paper, d.Tickets[n+1:]
		if got := scan(t, render(t, d)); got != d.Tickets[0].Code {
			t.Errorf("read %q, want %q", got, d.Tickets[0].Code)
		}
	}
}

func TestSameDocumentSameBytes(t *testing.T) {
	for _, title := range []string{"Nocturne", "夜想曲 Ж Ω"} {
		d := document(t, 3)
		d.Concert.Title = title
		first := render(t, d)
		for range 3 {
			if !bytes.Equal(first, render(t, d)) {
				t.Fatalf("%s: two documents differ", title)
			}
		}
		d.Tickets[2].Seat = "11"
		if bytes.Equal(first, render(t, d)) {
			t.Error("another seat makes the same document")
		}
	}
}

// Every font is in the file, so that any printer has it.
func TestFontsAreEmbedded(t *testing.T) {
	d := document(t, 1)
	d.Concert.Title = "夜想曲"
	fonts := tool(t, "pdffonts", render(t, d))
	if n := strings.Count(fonts, "CID TrueType"); n != 3 || strings.Count(fonts, "yes no  yes")+strings.Count(fonts, "yes yes yes") != n {
		t.Errorf("fonts are\n%s", fonts)
	}
}

func TestCancelledAndStanding(t *testing.T) {
	d := document(t, 1)
	d.Concert.Cancelled = true
	d.Tickets[0].Area, d.Tickets[0].Seat, d.Tickets[0].Row, d.Tickets[0].Holder = true, "412", "floor", ""
	d.Concert.Doors = time.Date(2030, 9, 13, 23, 0, 0, 0, vienna(t))
	page := textOf(t, render(t, d))[0]
	for _, text := range []string{"This concert was cancelled. The ticket admits nobody.", "Standing place 412", "Doors open Friday, 13 September 2030, 23:00"} {
		if !strings.Contains(page, text) {
			t.Errorf("%q is missing: %s", text, page)
		}
	}
	for _, text := range []string{"Row", "Holder", "floor"} {
		if strings.Contains(page, text) {
			t.Errorf("%q is printed: %s", text, page)
		}
	}
}

func TestWhatCannotBePrinted(t *testing.T) {
	d := document(t, 1)
	d.Tickets = nil
	if _, err := ticketpdf.Render(d); err == nil {
		t.Error("a document without tickets was made")
	}
	d = document(t, 1)
	d.Tickets[0].Code = "lower case is no alphanumeric mode"
	if _, err := ticketpdf.Render(d); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkRender prints the time and the size of an order of ten tickets.
func BenchmarkRender(b *testing.B) {
	for _, c := range []struct {
		name, title string
		tickets     int
	}{{"one ticket", "Nocturne", 1}, {"ten tickets", "Nocturne", 10}, {"ten tickets of East Asia", "夜想曲", 10}} {
		b.Run(c.name, func(b *testing.B) {
			d := document(b, c.tickets)
			d.Concert.Title = c.title
			size := len(render(b, d))
			for b.Loop() {
				render(b, d)
			}
			b.ReportMetric(float64(size)/1000, "KB")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/order")
		})
	}
}
