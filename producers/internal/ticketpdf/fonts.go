package ticketpdf

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// face is one of the embedded fonts.
type face struct {
	// family and style are the names under which a document knows the font.
	family, style string
	packed        []byte
	load          func() (loaded, error)
}

type loaded struct {
	file []byte
	// has says for each character of the basic plane whether the font has a glyph.
	has *[1 << 16]bool
}

var (
	//go:embed fonts/DejaVuSans.ttf.gz
	sansFile []byte
	//go:embed fonts/DejaVuSans-Bold.ttf.gz
	boldFile []byte
	//go:embed fonts/DroidSansFallback.ttf.gz
	eastFile []byte

	sans = newFace("sans", "", sansFile)
	bold = newFace("sans", "B", boldFile)
	// east has the characters of East Asia. It is unpacked only for a text that needs it.
	east = newFace("east", "", eastFile)
)

// newFace returns a face that is unpacked once, when it is first needed.
func newFace(family, style string, packed []byte) *face {
	f := &face{family: family, style: style, packed: packed}
	f.load = sync.OnceValues(f.unpack)
	return f
}

func (f *face) unpack() (loaded, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(f.packed))
	if err != nil {
		return loaded{}, fmt.Errorf("font %s%s: %w", f.family, f.style, err)
	}
	file, err := io.ReadAll(unpacked)
	if err != nil {
		return loaded{}, fmt.Errorf("font %s%s: %w", f.family, f.style, err)
	}
	has, err := charactersOf(file)
	if err != nil {
		return loaded{}, fmt.Errorf("font %s%s: %w", f.family, f.style, err)
	}
	return loaded{file, has}, nil
}

var errFont = errors.New("the file is no TrueType font with a table of Unicode characters")

// charactersOf reads which characters of the basic plane a TrueType font has: segments of the table cmap in format 4.
func charactersOf(file []byte) (has *[1 << 16]bool, err error) {
	defer func() {
		// The fonts are part of the program: a file that ends early is a mistake of ours.
		if recover() != nil {
			has, err = nil, errFont
		}
	}()
	u16 := func(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
	u32 := func(b []byte, at int) int { return int(binary.BigEndian.Uint32(b[at:])) }
	for i := range u16(file, 4) {
		record := file[12+16*i:]
		if string(record[:4]) != "cmap" {
			continue
		}
		table := file[u32(record, 8):]
		for j := range u16(table, 2) {
			sub := table[u32(table, 4+8*j+4):]
			if u16(sub, 0) != 4 {
				continue
			}
			has = new([1 << 16]bool)
			n := u16(sub, 6) / 2
			ends, starts, deltas, offsets := 14, 16+2*n, 16+4*n, 16+6*n
			for s := range n {
				offset := u16(sub, offsets+2*s)
				for c := u16(sub, starts+2*s); c <= u16(sub, ends+2*s) && c < 0xFFFF; c++ {
					glyph := c
					if offset != 0 {
						glyph = u16(sub, offsets+2*s+offset+2*(c-u16(sub, starts+2*s)))
					}
					has[c] = glyph != 0 && (glyph+u16(sub, deltas+2*s))&0xFFFF != 0
				}
			}
			return has, nil
		}
	}
	return nil, errFont
}
