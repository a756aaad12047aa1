package edge

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

const (
	// minCompressed and maxCompressed bound what is compressed, in bytes, as CloudFront does.
	minCompressed = 1000
	maxCompressed = 10_000_000
	// brotliQuality takes about as long as gzip, which is what a response that changes each second can afford.
	brotliQuality = 5
)

// compressedTypes are those of CloudFront that an API and a site have, and the types of problems and of web manifests.
var compressedTypes = []string{
	"application/json", "application/problem+json", "application/manifest+json", "application/javascript", "application/xml",
	"image/svg+xml", "text/html", "text/css", "text/javascript", "text/plain", "text/xml",
}

func compressible(h http.Header, length int) bool {
	if length < minCompressed || length > maxCompressed || h.Get("Content-Encoding") != "" {
		return false
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && slices.Contains(compressedTypes, media)
}

// codingFor returns br, gzip or "" for a request's Accept-Encoding. Like CloudFront it prefers br, whatever the weights say.
func codingFor(accept []string) string {
	for _, coding := range []string{"br", "gzip"} {
		if accepts(accept, coding) {
			return coding
		}
	}
	return ""
}

// accepts reports whether a coding is named, or is covered by *, with a weight over 0.
func accepts(accept []string, coding string) bool {
	others := false
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(item, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		weight := 1.0
		if key, value, ok := strings.Cut(parameters, "="); ok && strings.EqualFold(strings.TrimSpace(key), "q") {
			parsed, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				parsed = 0
			}
			weight = parsed
		}
		switch name {
		case coding:
			return weight > 0
		case "*":
			others = weight > 0
		}
	}
	return others
}

// weaken turns a strong ETag into a weak one: the compressed body has other bytes than the one that the tag was made for.
func weaken(h http.Header) {
	if tag := h.Get("Etag"); strings.HasPrefix(tag, `"`) {
		h.Set("Etag", "W/"+tag)
	}
}

// bodies are one body in each coding that was asked for. It is safe for concurrent use.
type bodies struct {
	plain []byte

	mu       sync.Mutex
	encodeds map[string][]byte
}

// encoded compresses once, however many requests there are.
func (b *bodies) encoded(coding string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if done, ok := b.encodeds[coding]; ok {
		return done
	}
	var out bytes.Buffer
	var writer io.WriteCloser = gzip.NewWriter(&out)
	if coding == "br" {
		writer = brotli.NewWriterLevel(&out, brotliQuality)
	}
	// Writes to a buffer do not fail.
	_, _ = writer.Write(b.plain)
	_ = writer.Close()
	if b.encodeds == nil {
		b.encodeds = map[string][]byte{}
	}
	b.encodeds[coding] = out.Bytes()
	return out.Bytes()
}
