package ticketpdf

import (
	"strings"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
)

// sheet writes texts on the pages of a document. Its first error stays in err.
type sheet struct {
	pdf    *fpdf.Fpdf
	loaded map[*face]bool
	// advances caches the widths of characters, in sizes of the font.
	advances map[glyph]float64
	err      error
}

// glyph is a character in a style.
type glyph struct {
	style *face
	char  rune
}

// use makes a font the current one.
func (s *sheet) use(f *face, size float64) {
	if !s.loaded[f] {
		font, err := f.load()
		if err != nil {
			s.fail(err)
			return
		}
		s.pdf.AddUTF8FontFromBytes(f.family, f.style, font.file)
		s.loaded[f] = true
	}
	s.pdf.SetFont(f.family, f.style, size)
}

func (s *sheet) fail(err error) {
	if s.err == nil {
		s.err = err // nil too
	}
}

// perPoint is the height of a point in mm.
const perPoint = 25.4 / 72

// prepared returns a text as it can be printed.
func (s *sheet) prepared(text string, style *face) string {
	p, err := printable(text, style)
	s.fail(err)
	return p
}

// width returns the width of a printable text in mm.
func (s *sheet) width(text string, style *face, size float64) (total float64) {
	for _, r := range text {
		total += s.advance(style, r)
	}
	return total * size
}

// advance returns the width of a character for a font of size 1.
func (s *sheet) advance(style *face, r rune) float64 {
	of := glyph{style, r}
	width, known := s.advances[of]
	if known {
		return width
	}
	f, err := canPrint(r, style)
	s.fail(err)
	if f == nil {
		f = style
	}
	// Widths are whole thousandths of the size.
	const size = 1000
	s.use(f, size)
	if s.err != nil {
		return 0
	}
	width = s.pdf.GetStringWidth(string(r)) / size
	s.advances[of] = width
	return width
}

// print writes a printable text with its base line at y.
func (s *sheet) print(x, y float64, style *face, size float64, text string) {
	split, err := runs(text, style)
	s.fail(err)
	for _, r := range split {
		s.use(r.face, size)
		if s.err != nil {
			return
		}
		s.pdf.Text(x, y, r.text)
		x += s.pdf.GetStringWidth(r.text)
	}
}

// text writes one line with its base line at y.
func (s *sheet) text(x, y float64, style *face, size float64, text string) {
	s.print(x, y, style, size, s.prepared(text, style))
}

// right writes one line that ends at x.
func (s *sheet) right(x, y float64, style *face, size float64, text string) {
	text = s.prepared(text, style)
	s.print(x-s.width(text, style, size), y, style, size, text)
}

// center writes one line around x.
func (s *sheet) center(x, y, size float64, text string) {
	text = s.prepared(text, sans)
	s.print(x-s.width(text, sans, size)/2, y, sans, size, text)
}

// fact writes a label at the left margin and a value below it, and returns where it ends.
func (s *sheet) fact(y, width float64, label, value string) float64 {
	s.text(margin, y+9*perPoint, sans, 9, label)
	return s.block(margin, y+5, width, bold, 13, 9, 3, value)
}

// lineHeight is the distance of two base lines, in sizes of the font.
const lineHeight = 1.25

// block writes a text from y down, in the largest size between two in which it has at most maxLines lines of a width. A text that is
// too long in the smallest size is cut, and an ellipsis says so. It returns where the block ends.
func (s *sheet) block(x, y, width float64, style *face, largest, smallest float64, maxLines int, text string) float64 {
	text = s.prepared(text, style)
	size := largest
	lines := s.wrap(text, width, style, size)
	for len(lines) > maxLines && size > smallest {
		size = max(size-1, smallest)
		lines = s.wrap(text, width, style, size)
	}
	if len(lines) > maxLines {
		lines = lines[:maxLines]
		last := []rune(lines[maxLines-1])
		for len(last) > 0 && s.width(string(last)+"…", style, size) > width {
			last = last[:len(last)-1]
		}
		lines[maxLines-1] = strings.TrimSpace(string(last)) + "…"
	}
	for _, line := range lines {
		s.print(x, y+size*perPoint, style, size, line)
		y += size * perPoint * lineHeight
	}
	return y
}

// maxWrapped bounds the characters of a text that are looked at: more fit into no block.
const maxWrapped = 600

// wrap splits a printable text into lines of a width. It breaks at spaces and between characters of East Asia, and within a word
// that is longer than a line.
func (s *sheet) wrap(text string, width float64, style *face, size float64) (lines []string) {
	line := ""
	for _, piece := range pieces(text) {
		switch {
		case s.width(strings.TrimRight(line+piece, " "), style, size) <= width:
			line += piece
			continue
		case strings.TrimSpace(line) != "":
			lines = append(lines, strings.TrimSpace(line))
		}
		line = ""
		for _, r := range strings.TrimLeft(piece, " ") {
			if line != "" && s.width(line+string(r), style, size) > width {
				lines = append(lines, line)
				line = ""
			}
			line += string(r)
		}
	}
	if line = strings.TrimSpace(line); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// pieces splits a text where a line may end: behind spaces and around characters of East Asia.
func pieces(text string) (all []string) {
	begun := 0
	previous := rune(0)
	count := 0
	for i, r := range text {
		if count++; count > maxWrapped {
			return append(all, text[begun:i])
		}
		if i > begun && (previous == ' ' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || unicode.In(previous, unicode.Han, unicode.Hiragana, unicode.Katakana)) && r != ' ' {
			all = append(all, text[begun:i])
			begun = i
		}
		previous = r
	}
	return append(all, text[begun:])
}

func (s *sheet) rule(from, y, to float64) {
	s.pdf.SetLineWidth(0.3)
	s.pdf.Line(from, y, to, y)
}

// code draws a QR code with its quiet zone into a square.
func (s *sheet) code(x, y, size float64, text string) {
	modules, err := codeOf(text)
	if err != nil {
		s.fail(err)
		return
	}
	module := size / float64(len(modules)+2*quietZone)
	s.pdf.SetFillColor(0, 0, 0)
	for row, line := range modules {
		for from := 0; from < len(line); from++ {
			to := from
			for to < len(line) && line[to] {
				to++
			}
			if to > from {
				// A row of black modules is one rectangle, so that no printer draws lines between them.
				s.pdf.Rect(x+float64(from+quietZone)*module, y+float64(row+quietZone)*module, float64(to-from)*module, module, "F")
				from = to
			}
		}
	}
}
