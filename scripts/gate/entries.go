package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/internal/filelock"
)

// Entry is one person who was let in: a line of a file of entries.
type Entry struct {
	Code ticketcode.Code   `json:"code"`
	At   contracts.Instant `json:"at"`
	// Gate is the name of the gate, Seat the name of the seat.
	Gate string `json:"gate"`
	Seat string `json:"seat"`
}

// Entries is an open file of entries: JSON lines to which a gate appends. Another process cannot open it. It is not safe for
// concurrent use.
type Entries struct {
	// Gate is written into new entries.
	Gate string
	file *os.File
	// unlock releases the file for others.
	unlock func() error
	// sync makes what was written survive a loss of power.
	sync func() error
	// size is the number of bytes of all entries that count.
	size   int64
	by     map[ticketcode.Code]Entry
	bySeat map[string]Entry
	// broken is the error of a write. No entry is taken after it.
	broken error
}

// Open opens a file of entries, and creates it if there is none. torn is the number of bytes of a last line that was not written to
// its end, as in a crash: it is removed, and nobody was admitted by it. Any other line that cannot be read is an error.
func Open(path, gate string) (e *Entries, torn int, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // G301: public data
		return nil, 0, err
	}
	unlock, err := filelock.TryLock(path + ".lock")
	if err != nil {
		return nil, 0, fmt.Errorf("%s: another gate uses it: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // G302, G304: the caller's file, with codes that open nothing
	if err != nil {
		return nil, 0, errors.Join(err, unlock())
	}
	// The file may have another name, by a link, whose lock is another.
	if err := filelock.TryLockFile(file); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("%s: another gate uses it: %w", path, err), file.Close(), unlock())
	}
	e = &Entries{Gate: gate, file: file, unlock: unlock, sync: file.Sync, by: map[ticketcode.Code]Entry{}, bySeat: map[string]Entry{}}
	content, err := io.ReadAll(file)
	var whole int
	var all []Entry
	if err == nil {
		all, whole, err = parse(path, content)
	}
	for _, entry := range all {
		e.know(entry)
	}
	e.size = int64(whole)
	if err == nil && whole < len(content) {
		err = file.Truncate(int64(whole))
	}
	if err == nil {
		_, err = file.Seek(int64(whole), io.SeekStart)
	}
	if err == nil {
		err = errors.Join(file.Sync(), syncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return nil, 0, errors.Join(err, e.Close())
	}
	return e, len(content) - whole, nil
}

// parse reads the lines of a file. whole is the number of bytes up to the end of the last whole line.
func parse(path string, content []byte) (all []Entry, whole int, err error) {
	for n := 1; whole < len(content); n++ {
		end := bytes.IndexByte(content[whole:], '\n')
		if end < 0 {
			break
		}
		var entry Entry
		if err := json.Unmarshal(content[whole:whole+end], &entry); err != nil || entry.At == 0 || entry.Code == (ticketcode.Code{}) || entry.Seat == "" {
			return nil, 0, fmt.Errorf("%s: line %d is no entry: the file was damaged, restore it from a copy or merge another gate's", path, n)
		}
		all = append(all, entry)
		whole += end + 1
	}
	return all, whole, nil
}

// Len returns how many tickets have entered.
func (e *Entries) Len() int { return len(e.by) }

// Find returns the first entry with a ticket.
func (e *Entries) Find(code ticketcode.Code) (Entry, bool) {
	entry, found := e.by[code]
	return entry, found
}

// FindSeat returns the first entry to a seat, with whatever ticket.
func (e *Entries) FindSeat(name string) (Entry, bool) {
	entry, found := e.bySeat[name]
	return entry, found
}

// know remembers an entry if it is the first of its ticket, or of its seat.
func (e *Entries) know(entry Entry) {
	if first, twice := e.by[entry.Code]; !twice || entry.At < first.At {
		e.by[entry.Code] = entry
	}
	if first, twice := e.bySeat[entry.Seat]; !twice || entry.At < first.At {
		e.bySeat[entry.Seat] = entry
	}
}

// Add appends an entry. When it returns nil the entry survives a loss of power. When it returns an error nobody was admitted, and the
// entry is taken out of the file again, so that it does not count after a restart either; if that fails too, the error says so.
func (e *Entries) Add(entry Entry) error {
	if e.broken != nil {
		return e.broken
	}
	line, err := json.Marshal(entry)
	line = append(line, '\n')
	if err == nil {
		_, err = e.file.Write(line)
	}
	if err == nil {
		err = e.sync()
	}
	if err != nil {
		e.broken = fmt.Errorf("the entry was not stored, nobody is admitted: %w", err)
		if undone := errors.Join(e.file.Truncate(e.size), e.sync()); undone != nil {
			e.broken = errors.Join(e.broken, fmt.Errorf("the last line of %s may be an entry that did not happen: %w", e.file.Name(), undone))
		}
		return e.broken
	}
	e.size += int64(len(line))
	e.know(entry)
	return nil
}

// Close releases the file.
func (e *Entries) Close() error { return errors.Join(e.file.Close(), e.unlock()) }
