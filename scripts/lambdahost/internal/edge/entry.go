package edge

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/pquerna/cachecontrol/cacheobject"
)

// entry is a response of the origin. It is immutable, so that many requests can be answered from it at once.
type entry struct {
	status int
	header http.Header
	bodies *bodies
	at     time.Time
	until  time.Time
	// private is set for a response that is for one client alone.
	private bool
}

// capture is the http.ResponseWriter of a fetch.
type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (c *capture) Header() http.Header {
	if c.header == nil {
		c.header = http.Header{}
	}
	return c.header
}

// WriteHeader implements http.ResponseWriter.
func (c *capture) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

// Write implements http.ResponseWriter.
func (c *capture) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(p)
}

func newEntry(c *capture, now time.Time) *entry {
	c.WriteHeader(http.StatusOK)
	h := c.Header()
	// Without a date of its own a kept response would get the date of each request.
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	h.Del("Content-Length")
	n := &entry{status: c.status, header: h, at: now, bodies: &bodies{plain: c.body.Bytes()}}
	n.until, n.private = keepUntil(h, c.status, now)
	return n
}

// renewed returns the entry after a 304 of the origin, whose headers replace the old ones.
func (n *entry) renewed(h http.Header, now time.Time) *entry {
	c := *n
	c.header = n.header.Clone()
	for _, name := range []string{"Cache-Control", "Etag", "Apigw-Requestid"} {
		if h.Get(name) != "" {
			c.header[name] = h[name]
		}
	}
	c.header.Set("Date", now.UTC().Format(http.TimeFormat))
	c.at = now
	c.until, c.private = keepUntil(c.header, c.status, now)
	return &c
}

// keepUntil returns until when a response may be given to other requests, at most the present if it may not be. Errors are not
// kept, as the distribution's error_caching_min_ttl is 0.
func keepUntil(h http.Header, status int, now time.Time) (until time.Time, private bool) {
	directives, err := cacheobject.ParseResponseCacheControl(h.Get("Cache-Control"))
	if err != nil {
		return now, true
	}
	if directives.PrivatePresent || directives.NoStore || len(h["Set-Cookie"]) > 0 {
		return now, true
	}
	age := max(directives.MaxAge, directives.SMaxAge)
	if directives.SMaxAge >= 0 {
		age = directives.SMaxAge
	}
	if status != http.StatusOK || directives.NoCachePresent || age <= 0 {
		return now, false
	}
	return now.Add(time.Duration(age) * time.Second), false
}

func (n *entry) fresh(now time.Time) bool { return now.Before(n.until) }

// ageOf returns the value of the header Age, in whole seconds.
func ageOf(n *entry, now time.Time) string {
	return strconv.Itoa(max(0, int(now.Sub(n.at)/time.Second)))
}

// serve writes the response. A 200 is answered by 304 where the request's conditions say so, and is compressed.
func (n *entry) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, values := range n.header {
		if name == "Vary" {
			h[name] = append(h[name], values...)
			continue
		}
		h[name] = values
	}
	body := n.bodies.plain
	if n.status != http.StatusOK || n.private {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(n.status)
		_, _ = w.Write(body) // a failed write means that the client is gone
		return
	}
	if compressible(n.header, len(body)) {
		h.Add("Vary", "Accept-Encoding")
		if coding := codingFor(r.Header["Accept-Encoding"]); coding != "" {
			body = n.bodies.encoded(coding)
			h.Set("Content-Encoding", coding)
			// ServeContent leaves the length of an encoded body to its caller.
			h.Set("Content-Length", strconv.Itoa(len(body)))
			weaken(h)
		}
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		modified = time.Time{}
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(body))
}
