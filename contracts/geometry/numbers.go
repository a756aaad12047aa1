package geometry

import (
	"encoding/json"
	"fmt"
)

// The lists of numbers in a geometry. Each has a fixed length in JSON too: a list with more or fewer numbers is refused.
type (
	// Point is x and y.
	Point [2]float64
	// Bounds is left, top, width, height.
	Bounds [4]float64
	// DecorArc is the centre's x and y, the radius, and the angles from and to.
	DecorArc [5]float64
	// Arc is the centre's x and y, the radius of the first row, and the distance between rows.
	Arc [4]float64
	// Line is x, the y of the first row, and the distance between rows.
	Line [3]float64
	// Run is a straight piece of a row: x and y of its first seat, the angle in which it goes on, and the number of its seats.
	Run [4]float64
	// Wedge is the inner and the outer radius, the angles from and to at the inner edge, and those at the outer edge.
	Wedge [6]float64
)

// UnmarshalJSON implements json.Unmarshaler.
func (p *Point) UnmarshalJSON(text []byte) error { return fill(p[:], text, "a point") }

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bounds) UnmarshalJSON(text []byte) error { return fill(b[:], text, "bounds") }

// UnmarshalJSON implements json.Unmarshaler.
func (a *DecorArc) UnmarshalJSON(text []byte) error { return fill(a[:], text, "an arc of a decor") }

// UnmarshalJSON implements json.Unmarshaler.
func (a *Arc) UnmarshalJSON(text []byte) error { return fill(a[:], text, "an arc") }

// UnmarshalJSON implements json.Unmarshaler.
func (l *Line) UnmarshalJSON(text []byte) error { return fill(l[:], text, "a line") }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Run) UnmarshalJSON(text []byte) error { return fill(r[:], text, "a run") }

// UnmarshalJSON implements json.Unmarshaler.
func (w *Wedge) UnmarshalJSON(text []byte) error { return fill(w[:], text, "a wedge") }

// fill decodes a list of exactly as many numbers as to has. encoding/json itself would drop surplus numbers and fill missing
// ones with 0. null leaves to as it is, as for any json.Unmarshaler.
func fill(to []float64, text []byte, what string) error {
	if string(text) == "null" {
		return nil
	}
	var numbers []*float64
	if err := json.Unmarshal(text, &numbers); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if len(numbers) != len(to) {
		return fmt.Errorf("%s has %d numbers, want %d", what, len(numbers), len(to))
	}
	for i, n := range numbers {
		if n == nil {
			return fmt.Errorf("%s has null for a number", what)
		}
		to[i] = *n
	}
	return nil
}
