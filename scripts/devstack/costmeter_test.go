package main

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

// meter counts the calls that functions make: it stands between them and the servers, so it sees what goes over the
// wire, whatever a library made of the call.
type meter struct {
	mu sync.Mutex
	counted
	// clocked are calls that come with time and not with orders: a concert is read again after 10 s, the pace and the lag of
	// payments are read and left at most once a second, and a connection is set up.
	clocked map[string]int
}

// counted are calls by backend and name.
type counted struct {
	calls map[backend]map[string]int
	// units are write units as the emulator reckons them, indexes included.
	units float64
}

func none() counted {
	return counted{calls: map[backend]map[string]int{onRedis: {}, onDynamo: {}, onQueues: {}, onStripe: {}}}
}

// plus is what both counted.
func (c counted) plus(other counted) counted {
	sum := none()
	for _, one := range []counted{c, other} {
		for b, calls := range one.calls {
			for call, n := range calls {
				sum.calls[b][call] += n
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
	m.counted = none()
	m.clocked = map[string]int{}
}

func (m *meter) count(b backend, call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[b][call]++
}

func (m *meter) countClocked(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clocked[call]++
}

// taken is what was counted since the last reset.
func (m *meter) taken() counted {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.plus(none())
}

// row is a row of a table with these backends.
func (c counted) row(what string, backends ...backend) string {
	cells := []string{what}
	for _, b := range backends {
		var parts []string
		for _, call := range slices.Sorted(maps.Keys(c.calls[b])) {
			parts = append(parts, fmt.Sprintf("%d %s", c.calls[b][call], call))
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

// aws is the address of a proxy to the emulator that counts what goes through.
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
				t.Errorf("a call of a function could not be read: %v", err)
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

// request counts a call by its target, "DynamoDB_20120810.GetItem" for example, and asks for the write units of those
// that write.
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
	case strings.HasPrefix(service, "DynamoDB") && operation == "GetItem" && strings.Contains(string(members["TableName"]), "concerts"):
		m.countClocked("concert")
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

// response adds up the write units that an answer tells. Transactions tell them by table, reads tell other units.
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
			return fmt.Errorf("%s does not tell its write units: %s", operation, body)
		}
		m.units += *c.CapacityUnits
	}
	return nil
}
