package layoutitem

import (
	"errors"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
	"boxoffice/contracts/readmodel"
)

// document is the JSON of a body of either use. A use omits the members that its readers do not need.
type document struct {
	Tiers    []readmodel.Tier   `json:"tiers,omitempty"`
	Geometry *geometry.Geometry `json:"geometry,omitempty"`
	Groups   []group            `json:"groups"`
}

type group struct {
	Group   string `json:"group"`
	Section string `json:"section"`
	// SectionName and Tier are absent from the item for orders if it is older than they are there.
	SectionName string           `json:"sectionName,omitempty"`
	Kind        string           `json:"kind"`
	Tier        string           `json:"tier,omitempty"`
	Price       *contracts.Money `json:"price,omitempty"`
	Rows        []row            `json:"rows,omitempty"`
	// Seats is present only if the seats are not those of Rows in the same order.
	Seats      []string `json:"seats,omitempty"`
	Accessible []string `json:"accessible,omitempty"`
	Companions []string `json:"companions,omitempty"`
	Restricted []string `json:"restricted,omitempty"`
	// Drawn is the shape. Items that are older than the geometry of halls have Frame in its place. The two have different names
	// in JSON, since a program that knows only the frame cannot read the shape.
	Drawn *geometry.Shape    `json:"drawn,omitempty"`
	Frame *geometry.OldFrame `json:"shape,omitempty"`
}

// Page is a layout version as the page shows it. Its groups have no prices; their tiers do.
type Page struct {
	Tiers []readmodel.Tier
	// Geometry is nil in an item that is older than the geometry of halls. The shapes of its groups are then made from their
	// frames.
	Geometry *geometry.Geometry
	Groups   []readmodel.LayoutGroup
}

// EncodeSeats returns the body of UseSeats. It omits the parts of the groups that are only drawn: shape, companions and restricted
// seats.
func EncodeSeats(groups []readmodel.LayoutGroup) ([]byte, error) {
	var d document
	for _, g := range groups {
		e := groupOf(g)
		e.Price, e.Tier, e.SectionName = &g.Price, g.Tier, g.SectionName
		d.Groups = append(d.Groups, e)
	}
	return encode(d, UseSeats)
}

// DecodeSeats reads a body that EncodeSeats has written.
func DecodeSeats(body []byte) ([]readmodel.LayoutGroup, error) {
	page, err := decode(body, UseSeats)
	return page.Groups, err
}

// EncodePage returns the body of UsePage. It omits the prices of the groups, since the tiers have them, and the names of their
// sections, since the geometry has them.
func EncodePage(p Page) ([]byte, error) {
	d := document{Tiers: p.Tiers, Geometry: p.Geometry}
	for _, g := range p.Groups {
		e := groupOf(g)
		e.Tier, e.Drawn, e.Companions, e.Restricted = g.Tier, &g.Shape, g.Companions, g.Restricted
		d.Groups = append(d.Groups, e)
	}
	return encode(d, UsePage)
}

// DecodePage reads a body that EncodePage has written.
func DecodePage(body []byte) (Page, error) {
	return decode(body, UsePage)
}

// errNoGroups refuses a layout in which nothing can be sold, both in encoding and in decoding.
var errNoGroups = errors.New("it has no groups")

func encode(d document, use Use) ([]byte, error) {
	if len(d.Groups) == 0 {
		return nil, fmt.Errorf("encode %s: %w", use, errNoGroups)
	}
	body, err := pack(d)
	if err == nil {
		// A body that cannot be decoded must not be written.
		_, err = decode(body, use)
	}
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", use, err)
	}
	return body, nil
}

func decode(body []byte, use Use) (Page, error) {
	var d document
	if err := unpack(body, &d); err != nil {
		return Page{}, fmt.Errorf("decode %s: %w", use, err)
	}
	if len(d.Groups) == 0 {
		return Page{}, fmt.Errorf("decode %s: %w", use, errNoGroups)
	}
	left := maxSeats
	page := Page{Tiers: d.Tiers, Geometry: d.Geometry, Groups: make([]readmodel.LayoutGroup, len(d.Groups))}
	for i, e := range d.Groups {
		var err error
		if page.Groups[i], err = e.expand(&left); err != nil {
			return Page{}, fmt.Errorf("decode %s: group %q: %w", use, e.Group, err)
		}
	}
	return page, nil
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

// expand is the inverse of groupOf. left is the number of seats that the rest of the layout may have.
func (e group) expand(left *int) (readmodel.LayoutGroup, error) {
	g := readmodel.LayoutGroup{
		Group: e.Group, Section: e.Section, SectionName: e.SectionName, Kind: e.Kind, Tier: e.Tier,
		Accessible: e.Accessible, Companions: e.Companions, Restricted: e.Restricted, Shape: e.shape(),
	}
	if e.Price != nil {
		g.Price = *e.Price
	}
	places := len(e.Seats)
	for _, r := range e.Rows {
		n, err := r.seats()
		if err != nil {
			return readmodel.LayoutGroup{}, err
		}
		places += n
	}
	if places > *left {
		return readmodel.LayoutGroup{}, fmt.Errorf("it is %w: a layout has at most %d seats", ErrTooLarge, maxSeats)
	}
	*left -= places
	names := make([]string, 0, places)
	for _, r := range e.Rows {
		from := len(names)
		names = r.names(names)
		// The rows share the memory of the group's names. The capacity is cut, so that an append cannot write into the next row.
		g.Rows = append(g.Rows, readmodel.LayoutRow{Name: r.Name, Seats: names[from:len(names):len(names)]})
	}
	g.Seats = names[:len(names):len(names)]
	if e.Seats != nil {
		g.Seats = e.Seats
	}
	return g, nil
}

// shape returns where the group is drawn. The rows of an item say how many seats a row has, by rule or by name.
func (e group) shape() geometry.Shape {
	switch {
	case e.Drawn != nil:
		return *e.Drawn
	case e.Frame == nil:
		return geometry.Shape{}
	case e.Kind == readmodel.KindArea:
		return e.Frame.Shape(nil)
	}
	seats := make([]int, len(e.Rows))
	for i, r := range e.Rows {
		seats[i] = r.Count + len(r.Seats)
	}
	return e.Frame.Shape(seats)
}

// SizeOf estimates how many bytes of memory groups take. Most of it is the names of the seats and the two words that point to
// each of them.
func SizeOf(groups []readmodel.LayoutGroup) (bytes int) {
	const perGroup, perRow, perSeat = 352, 64, 16
	for _, g := range groups {
		bytes += perGroup + len(g.Group) + len(g.Section) + len(g.SectionName) + len(g.Tier) + len(g.Rows)*perRow + len(g.Accessible)*perSeat
		for _, seat := range g.Seats {
			bytes += perSeat + len(seat)
		}
	}
	return bytes
}
