package reconcile

// What does not fit into one run is done by rotation. The place where a run begins depends on its number alone, so that a new
// process rotates as well as an old one. The number of a run is its minute.
//
// golden is 2^32 divided by the golden ratio. Its multiples are spread evenly on a circle, for any number of successive runs:
// work that takes n runs one after the other is done in less than 3n runs.
const golden = 2654435769

// turnOf returns where the run begins, on a circle of 2^32 points.
func turnOf(run int64) uint32 { return uint32(uint64(run) * golden) } //nolint:gosec // G115: the lower bits are meant

// fractionOf returns turnOf as a fraction, from 0 to 1, 1 excluded.
func fractionOf(run int64) float64 { return float64(turnOf(run)) / (1 << 32) }

// rotated returns the list from an index on, followed by the items before that index.
func rotated[T any](list []T, from int) []T {
	return append(append(make([]T, 0, len(list)), list[from:]...), list[:from]...)
}

// interleaved takes items alternately from two lists, so that a run without time for all of them does as many of each.
func interleaved[T any](a, b []T) []T {
	out := make([]T, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}
