package gate

import (
	"os"
	"path/filepath"
)

// Watch follows the stored data of a concert, so that a gate that runs for hours uses what is fetched meanwhile.
type Watch struct {
	data, concertID string
	seen            os.FileInfo
}

// NewWatch loads the data of a concert, and follows it.
func NewWatch(data, concertID string) (*Watch, Data, error) {
	w := &Watch{data: data, concertID: concertID}
	w.changed()
	loaded, err := Load(data, concertID)
	return w, loaded, err
}

// Next loads the data again if it was stored anew since it was looked at last, and returns changed. With an error the data cannot be
// used; it is not tried again before the data changes again.
func (w *Watch) Next() (loaded Data, changed bool, err error) {
	if !w.changed() {
		return Data{}, false, nil
	}
	loaded, err = Load(w.data, w.concertID)
	return loaded, true, err
}

// changed looks at the file that Fetch stores last: once it is new, so are the others. It looks before they are read, so that a
// change during the reading is seen the next time.
func (w *Watch) changed() bool {
	info, err := os.Stat(filepath.Join(Folder(w.data, w.concertID), fileConcert))
	if err != nil {
		// Missing for a moment, as while a folder is copied.
		return false
	}
	before := w.seen
	w.seen = info
	return before == nil || !os.SameFile(before, info) || !before.ModTime().Equal(info.ModTime()) || before.Size() != info.Size()
}
