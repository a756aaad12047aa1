package ticketpdf

import (
	"fmt"

	"github.com/boombuler/barcode/qr"
)

// quietZone is the white border of a code that a scanner needs, in modules (ISO/IEC 18004).
const quietZone = 4

// codeOf returns the modules of the QR code of a text, true for black, without the quiet zone. The text must fit the alphanumeric
// mode. Level M restores 15 % of a damaged code, such as a fold through a printed page.
func codeOf(text string) ([][]bool, error) {
	code, err := qr.Encode(text, qr.M, qr.AlphaNumeric)
	if err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	size := code.Bounds()
	modules := make([][]bool, size.Dy())
	for y := range modules {
		modules[y] = make([]bool, size.Dx())
		for x := range modules[y] {
			// A module is black or white, so any of its colours tells which.
			r, _, _, _ := code.At(size.Min.X+x, size.Min.Y+y).RGBA()
			modules[y][x] = r == 0
		}
	}
	return modules, nil
}
