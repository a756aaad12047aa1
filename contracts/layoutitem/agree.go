package layoutitem

import (
	"errors"
	"slices"

	"boxoffice/contracts/readmodel"
)

var errDiffer = errors.New("its items have different groups or seats")

// Agree returns an error unless both items of a layout can be read and have the same groups with the same seats. If they
// differed, a buyer would get another seat than the one that the page shows.
func Agree(seats, page []byte) error {
	sold, err := DecodeSeats(seats)
	if err != nil {
		return err
	}
	shown, err := DecodePage(page)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(sold, shown.Groups, func(a, b readmodel.LayoutGroup) bool {
		return a.Group == b.Group && slices.Equal(a.Seats, b.Seats)
	}) {
		return errDiffer
	}
	return nil
}
