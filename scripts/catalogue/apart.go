package catalogue

import "boxoffice/contracts/readmodel"

// checkApart reports rows and areas that overlap.
func checkApart(p *problems, groups []readmodel.LayoutGroup) {
	drawn := drawnOf(groups)
	for i, a := range drawn {
		for _, b := range drawn[:i] {
			if a.top < b.bottom && b.top < a.bottom && a.left < b.right && b.left < a.right {
				p.checkf(false, "rows %s and %s lie on each other", a.name, b.name)
			}
		}
	}
}

// rectangle is the space of a row, which is one seat deep, or of an area.
type rectangle struct {
	name                     string
	left, right, top, bottom float64
}

func drawnOf(groups []readmodel.LayoutGroup) []rectangle {
	var drawn []rectangle
	for _, g := range groups {
		if g.Kind == readmodel.KindArea {
			s := g.Shape
			drawn = append(drawn, rectangle{name: g.Group, left: s.X, right: s.X + s.Width, top: s.Y, bottom: s.Y + s.Height})
			continue
		}
		for i, at := range g.Shape.Rows {
			row := g.Rows[i]
			drawn = append(drawn, rectangle{
				name: g.Group + " " + row.Name, left: at.X, right: at.X + float64(len(row.Seats)), top: at.Y, bottom: at.Y + 1,
			})
		}
	}
	return drawn
}
