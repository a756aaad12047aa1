package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/internal/filelock"
)

// Double is a ticket with which, or a seat to which, more than one person entered.
type Double struct {
	// Entries are the different entries, the earliest first.
	Entries []Entry `json:"entries"`
}

// Merged is the result of Merge.
type Merged struct {
	// Entries are the first entries of each ticket, by time.
	Entries []Entry  `json:"-"`
	Doubles []Double `json:"doubles"`
	// Seats are seats to which more than one person went with different tickets, with the first entry of each ticket: one of a seat's
	// tickets is not valid any more, and a gate with an old list of revoked codes admitted it.
	Seats []Double `json:"seats"`
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
	bySeat := map[string][]Entry{}
	for _, entry := range m.Entries {
		bySeat[entry.Seat] = append(bySeat[entry.Seat], entry)
	}
	for _, entries := range bySeat {
		if len(entries) > 1 {
			m.Seats = append(m.Seats, Double{entries})
		}
	}
	for _, doubles := range [][]Double{m.Doubles, m.Seats} {
		slices.SortFunc(doubles, func(a, b Double) int { return earlier(a.Entries[0], b.Entries[0]) })
	}
	return m, nil
}

func earlier(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Gate, b.Gate), cmp.Compare(a.Seat, b.Seat), bytes.Compare(a.Code[:], b.Code[:]))
}

// Write stores the merged entries as a file with which a gate can go on. It returns an error if a gate uses the file: it would go on
// to write into the file that was replaced, and its entries would be lost.
func (m Merged) Write(path string) (err error) {
	unlock, err := lockReplaced(path)
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return fmt.Errorf("%s: a gate uses it, merge into another file: %w", path, err)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
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

// lockReplaced locks a file of entries that is to be replaced, as Open does: by its name, and if it is there by itself.
func lockReplaced(path string) (func() error, error) {
	unlock, err := filelock.TryLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path) //nolint:gosec // G304: the caller's file
	if errors.Is(err, os.ErrNotExist) {
		return unlock, nil
	}
	if err == nil {
		if err = filelock.TryLockFile(file); err == nil {
			return func() error { return errors.Join(file.Close(), unlock()) }, nil
		}
		err = errors.Join(err, file.Close())
	}
	return nil, errors.Join(err, unlock())
}
