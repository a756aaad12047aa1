package gate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
)

// Data is what a gate fetches before a concert.
type Data struct {
	Concert     Concert
	Layout      Layout
	Keys        ticketcode.PublicKeys
	Revocations ticketcode.Revocations
	// KeptList is whether Fetch kept the stored list of revoked codes, since the one of the API was older.
	KeptList bool
	// FetchedAt is when the data was fetched.
	FetchedAt contracts.Instant
	// Others are the other concerts of the catalogue: with them a gate can say what a ticket is for.
	Others []Concert
}

// Concert is the part of a concert that a gate shows.
type Concert struct {
	ID            string            `json:"id"`
	Title         string            `json:"title"`
	StartsAt      contracts.Instant `json:"startsAt"`
	TimeZone      string            `json:"timeZone"`
	LayoutVersion int               `json:"layoutVersion"`
	Status        string            `json:"status"`
}

// Day returns the date of the concert where it takes place.
func (c Concert) Day() string {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return c.StartsAt.Time().In(zone).Format("2 January 2006")
}

// Layout is the part of a layout that names the seats. It has the form of the API.
type Layout struct {
	ConcertID string  `json:"concertId"`
	Version   int     `json:"layoutVersion"`
	Groups    []group `json:"groups"`
	// Geometry has the names of sections by their ids. A layout without a plan has none.
	Geometry struct {
		Sections map[string]struct {
			Name string `json:"name"`
		} `json:"sections"`
	} `json:"geometry"`
}

type group struct {
	Group   string `json:"group"`
	Section string `json:"section"`
	Kind    string `json:"kind"`
	Rows    []struct {
		Name   string `json:"name"`
		Prefix string `json:"prefix"`
		Count  int    `json:"count"`
		Digits int    `json:"digits"`
	} `json:"rows"`
}

// Seat returns the seat of two indexes. found is false if the layout has no such seat.
func (l Layout) Seat(at ticketcode.Seat) (seat Seat, found bool) {
	if int(at.Group) >= len(l.Groups) {
		return Seat{}, false
	}
	g := l.Groups[at.Group]
	place := int(at.Place)
	for _, row := range g.Rows {
		if place < row.Count {
			number := place + 1
			return Seat{
				Section: cmp.Or(l.Geometry.Sections[g.Section].Name, g.Section), Row: row.Name, Number: number, Area: g.Kind == readmodel.KindArea,
				Name: row.Prefix + fmt.Sprintf("%0*d", row.Digits, number),
			}, true
		}
		place -= row.Count
	}
	return Seat{}, false
}

// Names of the files in the folder of a concert.
const (
	fileConcert     = "concert.json"
	fileLayout      = "layout.json"
	fileKeys        = "keys.json"
	fileRevocations = "revocations.json"
	fileEntries     = "entries.jsonl"
)

// stored is the content of fileConcert.
type stored struct {
	Concert   Concert           `json:"concert"`
	FetchedAt contracts.Instant `json:"fetchedAt"`
	Others    []Concert         `json:"others"`
}

// Folder returns the folder of a concert. The id must be valid.
func Folder(data, concertID string) string { return filepath.Join(data, concertID) }

// Load reads the data of a concert that Fetch has stored, and checks it again: a file may have been copied in part.
func Load(data, concertID string) (Data, error) {
	if !contracts.ValidConcertID(concertID) {
		return Data{}, fmt.Errorf("%q is no id of a concert", concertID)
	}
	folder := Folder(data, concertID)
	var s stored
	var d Data
	keys, err := os.ReadFile(filepath.Join(folder, fileKeys)) //nolint:gosec // G304: the caller's folder
	if errors.Is(err, os.ErrNotExist) {
		return d, fmt.Errorf("there is no data of %s in %s: run gate fetch --concert %s while there is a network", concertID, data, concertID)
	}
	if err == nil {
		d.Keys, err = ticketcode.ParsePublished(keys)
	}
	if err := errors.Join(err, read(folder, fileConcert, &s), read(folder, fileLayout, &d.Layout), read(folder, fileRevocations, &d.Revocations)); err != nil {
		return d, err
	}
	d.Concert, d.FetchedAt, d.Others = s.Concert, s.FetchedAt, s.Others
	return d, d.check(concertID)
}

// check returns an error unless all parts are of the concert and signed.
func (d Data) check(concertID string) error {
	switch {
	case d.Concert.ID != concertID:
		return fmt.Errorf("the data is of the concert %q, not %q", d.Concert.ID, concertID)
	case d.Layout.ConcertID != concertID, d.Layout.Version != d.Concert.LayoutVersion, len(d.Layout.Groups) == 0:
		return fmt.Errorf("the layout is version %d of %q with %d groups, want version %d of %q", d.Layout.Version, d.Layout.ConcertID, len(d.Layout.Groups), d.Concert.LayoutVersion, concertID)
	}
	return d.Revocations.Verify(d.Keys, concertID)
}

func read(folder, name string, into any) error {
	content, err := os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // G304: the caller's folder
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// write replaces a file as a whole: a crash leaves the old one or the new one.
func write(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	// CreateTemp makes a file that its owner alone may read; the next gate may be another user's.
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder survive a crash.
func syncFolder(folder string) error {
	d, err := os.Open(folder) //nolint:gosec // G304: the caller's folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// versionQuery is the query of a layout's address.
func versionQuery(version int) string { return "?version=" + strconv.Itoa(version) }
