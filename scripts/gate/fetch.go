package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
)

// Source is an API from which data is fetched.
type Source struct {
	// API is its address with /api. It must be https, except on this machine: whoever changes the keys on the way opens the gate.
	API    string
	Client *http.Client
}

// maxAnswer bounds an answer, in bytes. The longest list of revoked codes is shorter.
const maxAnswer = 8 << 20

// Fetch fetches the data of a concert and stores it in data/CONCERT, each file as a whole. It stores nothing unless all parts were
// fetched and fit each other. The file of entries stays, and so does the stored list of revoked codes if it is genuine and later than
// the fetched one, which a cache or a replay may have answered: a gate does not forget a revoked code.
func Fetch(ctx context.Context, from Source, data, concertID string, now func() time.Time) (Data, error) {
	if err := Secure(from.API); err != nil {
		return Data{}, err
	}
	from.Client = staysSecure(from.Client)
	if !contracts.ValidConcertID(concertID) {
		return Data{}, fmt.Errorf("%q is no id of a concert", concertID)
	}
	d := Data{FetchedAt: contracts.InstantOf(now())}
	address := "/concerts/" + concertID
	if err := from.into(ctx, address, &d.Concert); err != nil {
		return Data{}, err
	}
	layout, err := from.get(ctx, address+"/layout"+versionQuery(d.Concert.LayoutVersion))
	if err != nil {
		return Data{}, err
	}
	keys, err := from.get(ctx, "/.well-known/"+ticketcode.PublishedName)
	if err != nil {
		return Data{}, err
	}
	revocations, err := from.get(ctx, address+"/revocations")
	if err != nil {
		return Data{}, err
	}
	if d.Keys, err = ticketcode.ParsePublished(keys); err != nil {
		return Data{}, err
	}
	if err := errors.Join(json.Unmarshal(layout, &d.Layout), json.Unmarshal(revocations, &d.Revocations)); err != nil {
		return Data{}, fmt.Errorf("the API's answer cannot be read: %w", err)
	}
	if err := d.check(concertID); err != nil {
		return Data{}, err
	}
	folder := Folder(data, concertID)
	var before ticketcode.Revocations
	if read(folder, fileRevocations, &before) == nil && before.At > d.Revocations.At && before.Verify(d.Keys, concertID) == nil {
		d.Revocations, d.KeptList = before, true
		if revocations, err = json.Marshal(before); err != nil {
			return Data{}, err
		}
	}
	if d.Others, err = from.others(ctx, concertID); err != nil {
		return Data{}, err
	}
	concert, err := json.MarshalIndent(stored{d.Concert, d.FetchedAt, d.Others}, "", "  ")
	if err != nil {
		return Data{}, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // G301: public data
		return Data{}, err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{fileLayout, layout}, {fileKeys, keys}, {fileRevocations, revocations}, {fileConcert, concert}} {
		if err := write(filepath.Join(folder, file.name), file.content); err != nil {
			return Data{}, err
		}
	}
	return d, nil
}

// maxRedirects bounds the redirects of a request.
const maxRedirects = 10

// staysSecure returns a client that follows a redirect only to where Secure allows it.
func staysSecure(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return Secure(to.URL.String())
	}
	return &c
}

// Secure returns an error unless an address is https, or on this machine.
func Secure(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is no address of an API", address)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "https" || u.Scheme == "http" && (ip != nil && ip.IsLoopback() || u.Hostname() == "localhost") {
		return nil
	}
	return fmt.Errorf("%s is not https: anybody on the way could replace the keys", address)
}

// maxPages bounds the pages of the catalogue that are read.
const maxPages = 100

// others returns the other concerts of the catalogue.
func (s Source) others(ctx context.Context, concertID string) (others []Concert, err error) {
	query := "?limit=100"
	for range maxPages {
		var page struct {
			Concerts   []Concert `json:"concerts"`
			NextCursor string    `json:"nextCursor"`
		}
		if err := s.into(ctx, "/concerts"+query, &page); err != nil {
			return nil, err
		}
		for _, c := range page.Concerts {
			if c.ID != concertID {
				others = append(others, c)
			}
		}
		if page.NextCursor == "" {
			break
		}
		query = "?limit=100&cursor=" + url.QueryEscape(page.NextCursor)
	}
	return others, nil
}

func (s Source) into(ctx context.Context, path string, v any) error {
	body, err := s.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (s Source) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.API+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := s.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%s: the answer has more than %d bytes", path, maxAnswer)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: the API answered %d: %.200s", path, response.StatusCode, body)
	}
	return body, nil
}
