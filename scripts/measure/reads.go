package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/scripts/internal/apiclient"
)

const (
	// readers are the clients that read at once, each the next time as soon as it has its answer.
	readers = 8
	// readFor is how long each kind of read is measured, after warmUp, in which the processes that are needed start.
	readFor, warmUp = 5 * time.Second, time.Second
)

// reads is one kind of read.
type reads struct {
	Name    string  `json:"name"`
	Answers int     `json:"answers"`
	Seconds float64 `json:"seconds"`
	// PerSecond counts answers by the clock, with all processes on the same cores; PerCore by the CPU time of the function alone,
	// 0 if it used too little to be counted: the edge answered.
	PerSecond float64 `json:"perSecond"`
	PerCore   float64 `json:"perCore"`
	// Asked is the number of answers for which the function was asked, by the edge's header X-Cache; all without an edge.
	Asked int `json:"asked"`
	// Milliseconds from the request to the end of the answer.
	P50, P95, P99 float64
	// Bytes of the body as it is and with gzip.
	Bytes, Gzipped int
	CPU            []processCost `json:"cpu"`
	OthersShare    float64       `json:"othersShare"`
}

// read measures the reads that viewers and waiting buyers repeat.
func (m *measures) read(ctx context.Context) ([]reads, error) {
	buyer, path, err := m.heldOrder(ctx)
	if err != nil {
		return nil, err
	}
	anyone, err := m.Buyer("")
	if err != nil {
		return nil, err
	}
	var all []reads
	for _, kind := range []struct {
		name, path string
		client     *apiclient.Client
		again      bool
	}{
		{"availability, theatre", "/concerts/" + m.Concert + "/availability", anyone, false},
		{"availability, arena", "/concerts/" + m.Arena + "/availability", anyone, false},
		{"availability, arena, not modified", "/concerts/" + m.Arena + "/availability", anyone, true},
		{"layout, arena", "/concerts/" + m.Arena + "/layout", anyone, false},
		{"order status", path, buyer, false},
	} {
		one := reader{client: kind.client, path: kind.path, want: http.StatusOK, headers: map[string]string{}}
		first, err := one.once(ctx)
		if err != nil {
			return all, err
		}
		if kind.again {
			one.headers["If-None-Match"], one.want = first.Header.Get("ETag"), http.StatusNotModified
		}
		r, err := m.readAgain(ctx, kind.name, one)
		if err != nil {
			return all, fmt.Errorf("%s: %w", kind.name, err)
		}
		if !kind.again {
			if r.Bytes, r.Gzipped, err = sizes(first.Body); err != nil {
				return all, err
			}
		}
		m.progress("%s: %.0f answers/s, %.0f per core of the function", r.Name, r.PerSecond, r.PerCore)
		all = append(all, r)
	}
	return all, nil
}

// heldOrder places an order for a seat of the arena, and returns its buyer and its path when it is decided.
func (m *measures) heldOrder(ctx context.Context) (*apiclient.Client, string, error) {
	w := wishes(newRun(), m.layout.Groups[:1], 1)[0]
	buyer, err := m.Buyer(w.user)
	if err != nil {
		return nil, "", err
	}
	buyer.AnySeats = true
	id, err := m.place(ctx, buyer, w)
	if err != nil {
		return nil, "", err
	}
	_, err = buyer.WaitFor(ctx, id, apiclient.Payable)
	return buyer, "/orders/" + id, err
}

// reader reads one path.
type reader struct {
	client  *apiclient.Client
	path    string
	headers map[string]string
	want    int
}

func (r reader) once(ctx context.Context) (apiclient.Answer, error) {
	answer, err := r.client.Do(ctx, http.MethodGet, r.path, nil, r.headers)
	if err == nil && answer.Status != r.want {
		err = fmt.Errorf("GET %s: %d %s, want %d", r.path, answer.Status, answer.Problem().Code, r.want)
	}
	return answer, err
}

func (m *measures) readAgain(ctx context.Context, name string, one reader) (reads, error) {
	r := reads{Name: name}
	if _, _, err := hammer(ctx, one, warmUp); err != nil {
		return r, err
	}
	_, before, err := m.begin(ctx)
	if err != nil {
		return r, err
	}
	waits, asked, err := hammer(ctx, one, readFor)
	if err != nil {
		return r, err
	}
	processes, err := m.processes(ctx)
	if err != nil {
		return r, err
	}
	after, err := readUsage(processes)
	if err != nil {
		return r, err
	}
	if r.CPU, err = costs(before, after, len(waits)); err != nil {
		return r, err
	}
	r.Answers, r.Asked, r.Seconds = len(waits), asked, after.at.Sub(before.at).Seconds()
	r.PerSecond = float64(r.Answers) / r.Seconds
	for _, c := range r.CPU {
		if c.Name == "queries" {
			r.PerCore = 1000 / c.MillisecondsPerOrder
		}
	}
	slices.Sort(waits)
	r.P50, r.P95, r.P99 = percentile(waits, 0.5), percentile(waits, 0.95), percentile(waits, 0.99)
	r.OthersShare = others(before, after, runtime.NumCPU())
	return r, nil
}

// hammer reads with all readers for so long. It returns how long each answer took, and how many were the function's.
func hammer(ctx context.Context, one reader, d time.Duration) (waits []time.Duration, asked int, err error) {
	var mu sync.Mutex
	end := time.Now().Add(d)
	all, ctx := errgroup.WithContext(ctx)
	for range readers {
		all.Go(func() error {
			var own []time.Duration
			mine := 0
			for time.Now().Before(end) {
				begun := time.Now()
				answer, err := one.once(ctx)
				if err != nil {
					return err
				}
				own = append(own, time.Since(begun))
				if cache := answer.Header.Get("X-Cache"); cache == "" || cache == "Miss from cloudfront" {
					mine++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			waits, asked = append(waits, own...), asked+mine
			return nil
		})
	}
	err = all.Wait()
	return waits, asked, err
}

// percentile returns the value in milliseconds under which a share of the sorted waits is, by the nearest rank; 0 for none.
func percentile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := min(max(int(share*float64(len(sorted))+0.999999), 1), len(sorted))
	return float64(sorted[rank-1].Microseconds()) / 1000
}

// sizes returns the size of a body as it is and with gzip.
func sizes(body []byte) (plain, gzipped int, err error) {
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return 0, 0, err
	}
	if _, err := w.Write(body); err != nil {
		return 0, 0, err
	}
	if err := w.Close(); err != nil {
		return 0, 0, err
	}
	return len(body), compressed.Len(), nil
}
