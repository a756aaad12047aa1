package reconcile

// What does not fit into one run is done by rotation. Where a run begins follows from its number alone, so that a process
// that has just started rotates as well as one that has not. Runs are numbered by the minute.
//
// golden is 2^32 divided by the golden ratio. Its multiples are spread evenly on a circle, for any number of successive runs:
// what takes n runs back to back is done in less than 3 n.
const golden = 2654435769

// turnOf is where the run begins, on a circle of 2^32 points.
func turnOf(run int64) uint32 { return uint32(uint64(run) * golden) } //nolint:gosec // G115: the bits that are left are meant

// fractionOf is turnOf from 0 to 1, 1 excluded.
func fractionOf(run int64) float64 { return float64(turnOf(run)) / (1 << 32) }

// rotated is the list from an index on, followed by what is before that index.
func rotated[T any](list []T, from int) []T {
	return append(append(make([]T, 0, len(list)), list[from:]...), list[:from]...)
}

// interleaved takes alternately from two lists, so that a run without time for all does as much of either.
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
