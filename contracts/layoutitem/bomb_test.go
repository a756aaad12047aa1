package layoutitem_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// body is the byte of a version and gzip of a text.
func body(version byte, text io.Reader) []byte {
	b := bytes.NewBuffer([]byte{version})
	w := gzip.NewWriter(b)
	if _, err := io.Copy(w, text); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.left)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// A body of some kilobytes that expands to gigabytes is refused before that memory is allocated.
func TestABodyThatExpandsToGigabytesIsRefused(t *testing.T) {
	document := func(rows string) []byte {
		return body(1, strings.NewReader(`{"groups":[{"group":"A","rows":[`+rows+`]}]}`))
	}
	for name, bad := range map[string][]byte{
		"200 million zeros":       body(1, &zeros{left: 200_000_000}),
		"two thousand million":    document(`{"name":"1","prefix":"A","count":2000000000}`),
		"more than an int has":    document(`{"name":"1","prefix":"A","count":9223372036854775807},{"name":"1","prefix":"A","count":9223372036854775807}`),
		"many rows":               document(strings.Repeat(`{"name":"1","prefix":"A","count":100000},`, 100) + `{"name":"1","seats":["a"]}`),
		"long names":              document(`{"name":"1","prefix":"` + strings.Repeat("A", 1<<20) + `","count":100000}`),
		"numbers of many digits":  document(`{"name":"1","prefix":"A","digits":1000000,"count":100000}`),
		"many groups":             body(1, strings.NewReader(`{"groups":[`+strings.Repeat(`{"group":"A","rows":[{"prefix":"A","count":50000}]},`, 50)+`{"group":"B"}]}`)),
		"many empty groups":       body(1, strings.NewReader(`{"groups":[{"group":"A"}`+strings.Repeat(`,{}`, 1_390_000)+`]}`)),
		"many empty rows":         document(`{}` + strings.Repeat(`,{}`, 1_390_000)),
		"many empty tiers":        body(1, strings.NewReader(`{"groups":[{"group":"A"}],"tiers":[{}`+strings.Repeat(`,{}`, 1_390_000)+`]}`)),
		"seats without rows":      body(1, strings.NewReader(`{"groups":[{"group":"A","seats":["a"`+strings.Repeat(`,"b"`, 200_000)+`]}]}`)),
		"a document of 5 million": body(1, strings.NewReader(`{"groups":[{"group":"A"}]}`+strings.Repeat(" ", 5_000_000))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := layoutitem.DecodeSeats(bad)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, layoutitem.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d bytes were allocated", name, took)
		}
	}
}

func FuzzDecode(f *testing.F) {
	seats, err := layoutitem.EncodeSeats(hall())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(plainText(seats)))
	f.Add(`{"groups":[{"group":"A","rows":[{"name":"1","prefix":"A-","count":3,"digits":2}]}]}`)
	f.Add(`{"layouts":[{"concertId":"a","version":1}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		packed := body(1, strings.NewReader(text))
		// The bytes are tried as a body, and as the text in a body.
		for _, b := range [][]byte{[]byte(text), packed} {
			_, _ = layoutitem.DecodePage(b)
			_, _ = layoutitem.DecodeFirst(b)
		}
		groups, err := layoutitem.DecodeSeats(packed)
		if err != nil {
			return
		}
		again, err := layoutitem.EncodeSeats(groups)
		if err != nil {
			t.Fatalf("decoded groups cannot be encoded: %v", err)
		}
		back, err := layoutitem.DecodeSeats(again)
		if err != nil || !reflect.DeepEqual(forSeats(normal(back)), forSeats(normal(groups))) {
			t.Fatalf("%+v is decoded as %+v, %v", groups, back, err)
		}
	})
}

// normal replaces empty lists of names by nil.
func normal(groups []readmodel.LayoutGroup) []readmodel.LayoutGroup {
	for i, g := range groups {
		if len(g.Seats) == 0 {
			groups[i].Seats = nil
		}
		if len(g.Accessible) == 0 {
			groups[i].Accessible = nil
		}
	}
	return groups
}

func plainText(b []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(b[1:]))
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return text
}
