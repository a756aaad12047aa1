package layoutitem

import (
	"fmt"
)

// FirstKey is the key of the item that names the layouts that a process should read before its first request: those of the
// sales that buyers will most likely ask for. Without the item a process would have to read every concert, which is too much
// when a thousand processes start at once.
const FirstKey = "#first"

// MaxFirst is the maximum number of layouts that DecodeFirst returns.
const MaxFirst = 4

// Ref names a layout version.
type Ref struct {
	ConcertID string `json:"concertId"`
	Version   int    `json:"version"`
}

type firstDocument struct {
	Layouts []Ref `json:"layouts"`
}

// EncodeFirst returns the body of the item. refs may be empty.
func EncodeFirst(refs []Ref) ([]byte, error) {
	body, err := pack(firstDocument{Layouts: refs})
	if err != nil {
		return nil, fmt.Errorf("encode first layouts: %w", err)
	}
	return body, nil
}

// DecodeFirst reads a body that EncodeFirst has written. It returns the first MaxFirst layouts.
func DecodeFirst(body []byte) ([]Ref, error) {
	var d firstDocument
	if err := unpack(body, &d); err != nil {
		return nil, fmt.Errorf("decode first layouts: %w", err)
	}
	return d.Layouts[:min(len(d.Layouts), MaxFirst)], nil
}
