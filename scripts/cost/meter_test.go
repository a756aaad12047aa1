package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// meter counts the calls that functions make. It stands between them and the servers, so it sees the calls as they are on the
// wire, repetitions by a library included.
type meter struct {
	mu sync.Mutex
	calls
	// timed counts the calls that depend on time and not on orders: a concert is read again after 10 s, the pace and the lag of
	// payments are read and stored at most once a second, and connections are set up.
	timed map[string]int
}

// calls are the calls that were counted.
type calls struct {
	// times counts calls by backend and name.
	times map[backend]map[string]int
	// units are write units as the emulator reports them, indexes included.
	units float64
}

func noCalls() calls {
	return calls{times: map[backend]map[string]int{onRedis: {}, onDynamo: {}, onQueues: {}, onStripe: {}}}
}

// plus returns the sum of both.
func (c calls) plus(other calls) calls {
	sum := noCalls()
	for _, one := range []calls{c, other} {
		for b, names := range one.times {
			for name, n := range names {
				sum.times[b][name] += n
			}
		}
		sum.units += one.units
	}
	return sum
}

type backend string

const (
	onRedis  backend = "Redis"
	onDynamo backend = "DynamoDB"
	onQueues backend = "SQS, EventBridge"
	onStripe backend = "Stripe"
)

func newMeter() *meter {
	m := &meter{}
	m.reset()
	return m
}

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = noCalls()
	m.timed = map[string]int{}
}

func (m *meter) count(b backend, call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times[b][call]++
}

func (m *meter) countTimed(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timed[call]++
}

// sinceReset returns the calls since the last reset.
func (m *meter) sinceReset() calls {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.plus(noCalls())
}

// row returns the row of a table that has a column for each of the backends.
func (c calls) row(what string, backends ...backend) string {
	cells := []string{what}
	for _, b := range backends {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(c.times[b])) {
			parts = append(parts, fmt.Sprintf("%d %s", c.times[b][name], name))
		}
		cells = append(cells, strings.Join(parts, ", "))
	}
	units := ""
	if c.units > 0 {
		units = strconv.FormatFloat(c.units, 'f', -1, 64)
	}
	return tableRow(append(cells, units)...)
}

func tableRow(cells ...string) string {
	row := "|"
	for _, c := range cells {
		if c == "" {
			row += " |"
			continue
		}
		row += " " + c + " |"
	}
	return row
}

// aws starts a proxy to the emulator that counts calls, and returns its address.
func (m *meter) aws(t *testing.T, target string) *url.URL {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if err := m.request(r.Out); err != nil {
				t.Errorf("read the call of a function: %v", err)
			}
		},
		ModifyResponse: m.response,
	}}
	listener := listen(t)
	go func() {
		if err := proxy.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("counting proxy: %v", err)
		}
	}()
	t.Cleanup(func() { _ = proxy.Close() })
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// request counts a call by its target, for example "DynamoDB_20120810.GetItem", and changes calls of DynamoDB so that their
// responses report capacity units.
func (m *meter) request(r *http.Request) error {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return fmt.Errorf("%s %s: %w", service, operation, err)
	}
	switch {
	case strings.HasPrefix(service, "DynamoDB") && (operation == "GetItem" || operation == "Scan") && strings.Contains(string(members["TableName"]), "concerts"):
		m.countTimed("concert")
	case strings.HasPrefix(service, "DynamoDB"):
		m.count(onDynamo, operation)
		members["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
		if body, err = json.Marshal(members); err != nil {
			return err
		}
	case members["Entries"] != nil:
		var entries []json.RawMessage
		if err := json.Unmarshal(members["Entries"], &entries); err != nil {
			return err
		}
		m.count(onQueues, fmt.Sprintf("%s of %d", operation, len(entries)))
	default:
		m.count(onQueues, operation)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// response adds the write units that a response reports. A transaction reports them by table. Units of reads are not added.
func (m *meter) response(r *http.Response) error {
	_, operation, _ := strings.Cut(r.Request.Header.Get("X-Amz-Target"), ".")
	if r.StatusCode != http.StatusOK || !slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}, operation) {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	type capacity struct{ CapacityUnits *float64 }
	var one struct{ ConsumedCapacity capacity }
	var many struct{ ConsumedCapacity []capacity }
	if operation == "TransactWriteItems" {
		err = json.Unmarshal(body, &many)
	} else {
		err = json.Unmarshal(body, &one)
		many.ConsumedCapacity = []capacity{one.ConsumedCapacity}
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range many.ConsumedCapacity {
		if c.CapacityUnits == nil {
			return fmt.Errorf("%s does not report its write units: %s", operation, body)
		}
		m.units += *c.CapacityUnits
	}
	return nil
}
