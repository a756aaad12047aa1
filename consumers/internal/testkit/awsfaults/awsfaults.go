// Package awsfaults makes single attempts of an AWS client fail in ways that no emulator shows on demand: conflicts and
// throttles, batches with unprocessed parts, responses that are lost after their effect. It replaces the HTTP client, so
// that the SDK's decoding and the adapter's second attempt are tested too; the real server handles everything else. It is
// for tests only.
//
//	cfg, err := awsclient.Load(t.Context())
//	faults := awsfaults.Into(&cfg)
//	faults.Next("PutItem", awsfaults.Lost)
package awsfaults

import (
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Fault handles one attempt; next is the server. The caller need not close a response that a fault replaces.
type Fault func(r *http.Request, next aws.HTTPClient) (*http.Response, error)

// Faults is the HTTP client of a configuration. It is safe for concurrent use.
type Faults struct {
	next aws.HTTPClient

	mu       sync.Mutex
	planned  map[string][]Fault
	attempts map[string]int
}

// Into puts Faults before the HTTP client of a configuration. Clients made from it afterwards fail as planned.
func Into(cfg *aws.Config) *Faults {
	f := &Faults{next: cfg.HTTPClient, planned: map[string][]Fault{}, attempts: map[string]int{}}
	cfg.HTTPClient = f
	return f
}

// Next plans the next attempts at an operation, one fault each; a second attempt at a call counts as an attempt. After them
// calls succeed again.
func (f *Faults) Next(operation string, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned[operation] = append(f.planned[operation], faults...)
}

// Attempts returns how often an operation was tried so far.
func (f *Faults) Attempts(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts[operation]
}

// Left returns how many planned faults have not happened: a test whose fault never came has shown nothing.
func (f *Faults) Left() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, faults := range f.planned {
		n += len(faults)
	}
	return n
}

// Do implements aws.HTTPClient.
func (f *Faults) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if fault := f.take(operation); fault != nil {
		return fault(r, f.next)
	}
	return f.next.Do(r)
}

func (f *Faults) take(operation string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts[operation]++
	planned := f.planned[operation]
	if len(planned) == 0 {
		return nil
	}
	f.planned[operation] = planned[1:]
	return planned[0]
}
