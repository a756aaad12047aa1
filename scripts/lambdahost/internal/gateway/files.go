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

	"boxoffice/contracts/edgepolicy"
)

// Files serves a folder under a path prefix. It handles only GET and HEAD, and leaves missing files to the routes. It lists no
// folders, and it reaches nothing outside the folder, not even through links.
type Files struct {
	prefix string
	root   *os.Root
	// site: see OpenSite.
	site bool
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
	return &Files{prefix: strings.TrimSuffix(prefix, "/"), root: root}, nil
}

// index answers the addresses of a site's pages, which the site's own code tells apart.
const index = "index.html"

// OpenSite opens the folder of a built site, which is served for every path outside /api. A path without a file and without a file
// extension is a page of the site: it gets index.html.
func OpenSite(directory string) (*Files, error) {
	f, err := OpenFiles("/", directory)
	if err != nil {
		return nil, err
	}
	f.site = true
	if _, err := f.root.Stat(index); err != nil {
		return nil, errors.Join(fmt.Errorf("site: %w", err), f.Close())
	}
	return f, nil
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
		name = path.Join(name, index)
	}
	if f.site && edgepolicy.IsAPI(rest) {
		return false
	}
	if f.write(w, r, name) {
		return true
	}
	return f.site && path.Ext(path.Base(rest)) == "" && f.write(w, r, index)
}

// write reports whether the file exists.
func (f *Files) write(w http.ResponseWriter, r *http.Request, name string) bool {
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
	if f.site && strings.HasPrefix(name, builtFolder) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	// As a bucket has one for each version of a file. Two versions of one size differ in their time.
	w.Header().Set("Etag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(w, r, name, info.ModTime(), file)
	return true
}

// builtFolder has files whose names contain the hash of their content, as the site's bundler writes them.
const builtFolder = "assets/"

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
