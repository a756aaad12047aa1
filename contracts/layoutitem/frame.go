package layoutitem

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// codecVersion is the first byte of a body. A change that an older reader would misread needs the next version, and readers
// must know that version before a writer uses it. A new member that an older reader may ignore needs no new version.
const codecVersion = 1

// maxDocument is the maximum size of an unpacked body in bytes, about thirty times that of an arena. A small body that unpacks
// to gigabytes must not crash a process.
const maxDocument = 4 << 20

// maxElements is the maximum number of elements and members of a document, measured by its commas. An element of two bytes,
// {}, takes hundreds in memory. The bound is twice the number of a layout that names each of its seats.
const maxElements = 2 * maxSeats

// ErrVersion means that a body has a version of the codec that this program does not read.
var ErrVersion = errors.New("unknown version of the codec")

// pack encodes a document as a body: the byte of the version, then gzip of JSON.
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

// unpack decodes a body that pack has written. It ignores members that this program does not know.
func unpack(body []byte, into any) error {
	plain, err := plainOf(body)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// plainOf returns the JSON of a body.
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
	// The limit is one byte more than allowed, so that a longer document is detected. Reading to the end also verifies the checksum.
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
