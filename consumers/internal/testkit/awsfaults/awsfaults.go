// Package awsfaults makes single attempts of an AWS client fail in ways that no emulator shows on demand: conflicts and
// throttles, batches of which a part is left undone, answers that are lost after their effect. It stands where the HTTP
// client is, so that the SDK's reading of an answer and the adapter's second attempt are tested as well; what is not broken is
// answered by the real server. It is for tests only.
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

// Fault is what becomes of one attempt; next is the server. Nothing that a fault gives back needs to be closed before.
type Fault func(r *http.Request, next aws.HTTPClient) (*http.Response, error)

// Faults is the HTTP client of a configuration. It is safe for concurrent use.
type Faults struct {
	next aws.HTTPClient

	mu       sync.Mutex
	planned  map[string][]Fault
	attempts map[string]int
}

// Into puts Faults into a configuration, before the client that it has. Clients made from it are broken as planned.
func Into(cfg *aws.Config) *Faults {
	f := &Faults{next: cfg.HTTPClient, planned: map[string][]Fault{}, attempts: map[string]int{}}
	cfg.HTTPClient = f
	return f
}

// Next plans what becomes of the next attempts at an operation, one fault each; a second attempt at a call is an attempt of its
// own. After them all is well.
func (f *Faults) Next(operation string, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned[operation] = append(f.planned[operation], faults...)
}

// Attempts is how often an operation was tried so far.
func (f *Faults) Attempts(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts[operation]
}

// Left is how many planned faults did not happen: a test whose fault never came has shown nothing.
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
