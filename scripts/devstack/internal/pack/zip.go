package pack

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"time"
)

// bootstrap is the name under which Lambda starts a function of the runtime provided.al2023.
const bootstrap = "bootstrap"

// modified is the time in every zip: the earliest that a zip can have.
var modified = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// archive writes a zip that has only the binary, completely or not at all.
func archive(name, binary, path string) (Archive, error) {
	a := Archive{Function: name, Path: path}
	draft := path + ".new"
	size, err := writeZip(binary, draft)
	if err != nil {
		return a, errors.Join(err, os.Remove(draft))
	}
	a.UnpackedBytes = size
	if a.SHA256, a.ZipBytes, err = hashOf(draft); err != nil {
		return a, err
	}
	return a, os.Rename(draft, path)
}

func writeZip(binary, path string) (size int64, err error) {
	in, err := os.Open(binary) //nolint:gosec // what was just built
	if err != nil {
		return 0, err
	}
	defer in.Close()                                                         //nolint:errcheck // only read
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the caller's own folder
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := zip.NewWriter(out)
	header := &zip.FileHeader{Name: bootstrap, Method: zip.Deflate, Modified: modified}
	// A fixed mode, so that the machine's umask does not matter.
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err != nil {
		return 0, err
	}
	if size, err = io.Copy(entry, in); err != nil {
		return 0, err
	}
	return size, w.Close()
}
