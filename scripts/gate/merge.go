package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"boxoffice/contracts/ticketcode"
)

// Double is a ticket with which more than one person entered.
type Double struct {
	// Entries are the different entries, the earliest first.
	Entries []Entry `json:"entries"`
}

// Merged is the result of Merge.
type Merged struct {
	// Entries are the first entries of each ticket, by time.
	Entries []Entry  `json:"-"`
	Doubles []Double `json:"doubles"`
	// Torn counts files whose last line was not written to its end.
	Torn int `json:"torn"`
}

// Merge reads the files of several gates. A ticket's earliest entry counts, by the clocks of the gates; of two at one instant the one
// of the gate whose name is first, so that the order of the files changes nothing. The same entry in two files is one entry, so that
// a merged file can be merged again.
func Merge(paths []string) (Merged, error) {
	by := map[ticketcode.Code][]Entry{}
	var m Merged
	for _, path := range paths {
		content, err := os.ReadFile(path) //nolint:gosec // G304: the caller's files
		if err != nil {
			return Merged{}, err
		}
		entries, whole, err := parse(path, content)
		if err != nil {
			return Merged{}, err
		}
		if whole < len(content) {
			m.Torn++
		}
		for _, entry := range entries {
			if !slices.Contains(by[entry.Code], entry) {
				by[entry.Code] = append(by[entry.Code], entry)
			}
		}
	}
	for _, entries := range by {
		slices.SortFunc(entries, earlier)
		m.Entries = append(m.Entries, entries[0])
		if len(entries) > 1 {
			m.Doubles = append(m.Doubles, Double{entries})
		}
	}
	slices.SortFunc(m.Entries, earlier)
	slices.SortFunc(m.Doubles, func(a, b Double) int { return earlier(a.Entries[0], b.Entries[0]) })
	return m, nil
}

func earlier(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Gate, b.Gate), cmp.Compare(a.Seat, b.Seat), bytes.Compare(a.Code[:], b.Code[:]))
}

// Write stores the merged entries as a file with which a gate can go on.
func (m Merged) Write(path string) error {
	var lines bytes.Buffer
	for _, entry := range m.Entries {
		line, err := json.Marshal(entry)
		if err != nil {
			return fmt.Errorf("entry of seat %s: %w", entry.Seat, err)
		}
		lines.Write(append(line, '\n'))
	}
	return write(path, lines.Bytes())
}
