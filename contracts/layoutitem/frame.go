package layoutitem

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// codecVersion is the first byte of a body. A change that an older reader would misread is the next version, which readers
// learn before a writer uses it; a new member that an older reader may pass over is none.
const codecVersion = 1

// maxDocument bounds what a body may unpack to, in bytes. It is some thirty times an arena's. A body that is small and unpacks
// to gigabytes must not take a process down.
const maxDocument = 4 << 20

// maxElements bounds how many elements and members a document may have, about: it is how many commas there are. An element of two
// bytes, {}, takes hundreds in memory. It is twice as many as a layout that names each of its seats.
const maxElements = 2 * maxSeats

// ErrVersion is a body of another version of the codec than this program reads.
var ErrVersion = errors.New("unknown version of the codec")

// pack writes a document as a body: the version's byte, then gzip of JSON.
func pack(document any) ([]byte, error) {
	plain, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	if len(plain) > maxDocument {
		return nil, fmt.Errorf("a document of %d bytes is %w: at most %d", len(plain), ErrTooLarge, maxDocument)
	}
	var body bytes.Buffer
	body.WriteByte(codecVersion)
	w, err := gzip.NewWriterLevel(&body, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// unpack reads what pack has written. Members that this program does not know are passed over.
func unpack(body []byte, into any) error {
	plain, err := plainOf(body)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// plainOf is the JSON of a body.
func plainOf(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if body[0] != codecVersion {
		return nil, fmt.Errorf("%w: %d", ErrVersion, body[0])
	}
	r, err := gzip.NewReader(bytes.NewReader(body[1:]))
	if err != nil {
		return nil, err
	}
	// One byte more than allowed, so that too much is told from just enough. Reading to the end also checks the checksum.
	plain, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxDocument {
		return nil, fmt.Errorf("a document of over %d bytes is %w", maxDocument, ErrTooLarge)
	}
	if n := bytes.Count(plain, []byte{','}); n > maxElements {
		return nil, fmt.Errorf("a document of %d elements is %w: at most %d", n, ErrTooLarge, maxElements)
	}
	return plain, nil
}
