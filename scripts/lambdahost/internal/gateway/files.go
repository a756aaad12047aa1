package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
)

// Files serves a folder under a path prefix. It handles only GET and HEAD, and leaves missing files to the routes. It lists no
// folders, and it reaches nothing outside the folder, not even through links.
type Files struct {
	prefix string
	root   *os.Root
}

// OpenFiles opens a folder. prefix begins with a slash.
func OpenFiles(prefix, directory string) (*Files, error) {
	if !strings.HasPrefix(prefix, "/") {
		return nil, fmt.Errorf("files: prefix %q does not begin with /", prefix)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, fmt.Errorf("files for %s: %w", prefix, err)
	}
	return &Files{strings.TrimSuffix(prefix, "/"), root}, nil
}

// Close releases the folder.
func (f *Files) Close() error { return f.root.Close() }

// sortByPrefix puts the longest prefix first, so that a nested folder takes precedence.
func sortByPrefix(all []*Files) {
	slices.SortStableFunc(all, func(a, b *Files) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
}

// serve reports whether it wrote a response.
func (f *Files) serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	rest, ok := strings.CutPrefix(r.URL.Path, f.prefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return false
	}
	name := strings.TrimPrefix(path.Clean(rest), "/")
	if rest == "" || strings.HasSuffix(rest, "/") {
		name = path.Join(name, "index.html")
	}
	file, err := f.root.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // opened for reading: Close loses nothing
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	kind, err := contentType(name, file)
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", kind)
	// A browser must see a rebuilt site and new keys at once.
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, name, info.ModTime(), file)
	return true
}

// contentTypes has the types of a site's files, because the system's table differs from machine to machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".json": "application/json", ".map": "application/json", ".svg": "image/svg+xml",
	".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".ico": "image/x-icon", ".woff2": "font/woff2",
	".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
}

// sniffed is how much of a file without a known extension is read to find its type, in bytes.
const sniffed = 64 << 10

func contentType(name string, file io.ReadSeeker) (string, error) {
	extension := path.Ext(name)
	if kind, ok := contentTypes[extension]; ok {
		return kind, nil
	}
	if kind := mime.TypeByExtension(extension); kind != "" {
		return kind, nil
	}
	var beginning bytes.Buffer
	_, copyErr := io.CopyN(&beginning, file, sniffed)
	if errors.Is(copyErr, io.EOF) {
		copyErr = nil
	}
	_, seekErr := file.Seek(0, io.SeekStart)
	if err := errors.Join(copyErr, seekErr); err != nil {
		return "", err
	}
	if json.Valid(beginning.Bytes()) {
		return "application/json", nil
	}
	return http.DetectContentType(beginning.Bytes()), nil
}
