package layoutitem

import (
	"errors"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// document is the JSON of a body, of every use: what a use does not need is left out.
type document struct {
	Tiers  []readmodel.Tier `json:"tiers,omitempty"`
	Groups []group          `json:"groups"`
}

type group struct {
	Group   string           `json:"group"`
	Section string           `json:"section"`
	Kind    string           `json:"kind"`
	Tier    string           `json:"tier,omitempty"`
	Price   *contracts.Money `json:"price,omitempty"`
	Rows    []row            `json:"rows,omitempty"`
	// Seats are there only if they are not those of the rows in their order.
	Seats      []string         `json:"seats,omitempty"`
	Accessible []string         `json:"accessible,omitempty"`
	Shape      *readmodel.Shape `json:"shape,omitempty"`
}

// Page is a layout version as the page shows it: groups without prices, and the tiers that have them.
type Page struct {
	Tiers  []readmodel.Tier
	Groups []readmodel.LayoutGroup
}

// EncodeSeats writes what orders need of a layout: tier and shape of its groups are left out.
func EncodeSeats(groups []readmodel.LayoutGroup) ([]byte, error) {
	var d document
	for _, g := range groups {
		e := groupOf(g)
		e.Price = &g.Price
		d.Groups = append(d.Groups, e)
	}
	return encode(d, UseSeats)
}

// DecodeSeats reads what EncodeSeats has written.
func DecodeSeats(body []byte) ([]readmodel.LayoutGroup, error) {
	_, groups, err := decode(body, UseSeats)
	return groups, err
}

// EncodePage writes what the page needs of a layout: prices of its groups are left out, since the tiers have them.
func EncodePage(p Page) ([]byte, error) {
	d := document{Tiers: p.Tiers}
	for _, g := range p.Groups {
		e := groupOf(g)
		e.Tier, e.Shape = g.Tier, &g.Shape
		d.Groups = append(d.Groups, e)
	}
	return encode(d, UsePage)
}

// DecodePage reads what EncodePage has written.
func DecodePage(body []byte) (Page, error) {
	tiers, groups, err := decode(body, UsePage)
	return Page{Tiers: tiers, Groups: groups}, err
}

// errNoGroups is a layout in which nothing can be sold: it is neither written nor taken for one.
var errNoGroups = errors.New("it has no groups")

func encode(d document, use Use) ([]byte, error) {
	if len(d.Groups) == 0 {
		return nil, fmt.Errorf("encode %s: %w", use, errNoGroups)
	}
	body, err := pack(d)
	if err == nil {
		// What could not be read again is not written.
		_, _, err = decode(body, use)
	}
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", use, err)
	}
	return body, nil
}

func decode(body []byte, use Use) (tiers []readmodel.Tier, groups []readmodel.LayoutGroup, err error) {
	var d document
	if err := unpack(body, &d); err != nil {
		return nil, nil, fmt.Errorf("decode %s: %w", use, err)
	}
	if len(d.Groups) == 0 {
		return nil, nil, fmt.Errorf("decode %s: %w", use, errNoGroups)
	}
	left := maxSeats
	groups = make([]readmodel.LayoutGroup, len(d.Groups))
	for i, e := range d.Groups {
		if groups[i], err = e.expand(&left); err != nil {
			return nil, nil, fmt.Errorf("decode %s: group %q: %w", use, e.Group, err)
		}
	}
	return d.Tiers, groups, nil
}

func groupOf(g readmodel.LayoutGroup) group {
	e := group{Group: g.Group, Section: g.Section, Kind: g.Kind, Accessible: g.Accessible}
	var names []string
	for _, r := range g.Rows {
		e.Rows = append(e.Rows, rowOf(r))
		names = append(names, r.Seats...)
	}
	if !slices.Equal(names, g.Seats) {
		e.Seats = g.Seats
	}
	return e
}

// expand is the inverse of groupOf. left is how many seats the layout may still have.
func (e group) expand(left *int) (readmodel.LayoutGroup, error) {
	g := readmodel.LayoutGroup{Group: e.Group, Section: e.Section, Kind: e.Kind, Tier: e.Tier, Accessible: e.Accessible}
	if e.Price != nil {
		g.Price = *e.Price
	}
	if e.Shape != nil {
		g.Shape = *e.Shape
	}
	places := len(e.Seats)
	for _, r := range e.Rows {
		n, err := r.seats()
		if err != nil {
			return readmodel.LayoutGroup{}, err
		}
		if places += n; places > *left {
			return readmodel.LayoutGroup{}, fmt.Errorf("it is %w: a layout has at most %d seats", ErrTooLarge, maxSeats)
		}
	}
	if places > *left {
		return readmodel.LayoutGroup{}, fmt.Errorf("it is %w: a layout has at most %d seats", ErrTooLarge, maxSeats)
	}
	*left -= places
	names := make([]string, 0, places)
	for _, r := range e.Rows {
		from := len(names)
		names = r.names(names)
		// The rows share the group's names, with no room behind them that an append could write to.
		g.Rows = append(g.Rows, readmodel.LayoutRow{Name: r.Name, Seats: names[from:len(names):len(names)]})
	}
	g.Seats = names[:len(names):len(names)]
	if e.Seats != nil {
		g.Seats = e.Seats
	}
	return g, nil
}

// SizeOf is about how many bytes of memory groups take: of each seat its name and the two words that point to it. What the
// numbers leave out is small beside those.
func SizeOf(groups []readmodel.LayoutGroup) (bytes int) {
	const perGroup, perRow, perSeat = 320, 64, 16
	for _, g := range groups {
		bytes += perGroup + len(g.Group) + len(g.Section) + len(g.Rows)*perRow + len(g.Accessible)*perSeat
		for _, seat := range g.Seats {
			bytes += perSeat + len(seat)
		}
	}
	return bytes
}
