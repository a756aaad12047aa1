package layoutitem

import (
	"fmt"
)

// FirstKey names the item that says which layouts a process should have before its first request: those of the sales that
// buyers most likely ask for. A process cannot tell by itself without reading every concert, which is too much for a thousand
// processes that start at once.
const FirstKey = "#first"

// MaxFirst is how many layouts the item names.
const MaxFirst = 4

// Ref names a layout version.
type Ref struct {
	ConcertID string `json:"concertId"`
	Version   int    `json:"version"`
}

type firstDocument struct {
	Layouts []Ref `json:"layouts"`
}

// EncodeFirst writes the item's body; there may be none.
func EncodeFirst(refs []Ref) ([]byte, error) {
	body, err := pack(firstDocument{Layouts: refs})
	if err != nil {
		return nil, fmt.Errorf("encode first layouts: %w", err)
	}
	return body, nil
}

// DecodeFirst reads what EncodeFirst has written, and at most MaxFirst of it.
func DecodeFirst(body []byte) ([]Ref, error) {
	var d firstDocument
	if err := unpack(body, &d); err != nil {
		return nil, fmt.Errorf("decode first layouts: %w", err)
	}
	return d.Layouts[:min(len(d.Layouts), MaxFirst)], nil
}
