package mempay

import (
	"errors"
	"slices"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
)

// Call is a call that a fault may hit.
type Call string

// Calls.
const (
	CallCreate   Call = "create"
	CallRetrieve Call = "retrieve"
	CallCapture  Call = "capture"
	CallCancel   Call = "cancel"
)

// Fault is the way in which a call fails.
type Fault string

// Faults.
const (
	// Limited refuses the call before it has an effect; the key does not remember the refusal.
	Limited Fault = "limited"
	// Lost makes the call and loses the response.
	Lost Fault = "lost"
	// Broken returns a 5xx instead of the call, BrokenAfter after the call. The key repeats it for ever.
	Broken      Fault = "broken"
	BrokenAfter Fault = "broken after"
	// Garbled is Broken with a response that cannot be read, like the page of a proxy instead of Stripe's body.
	Garbled Fault = "garbled"
)

type fault struct {
	call  Call
	order contracts.OrderID
	kind  Fault
}

// Fail makes the next call of that name about an order fail. A retrieve has no effect and no key: every fault of it is a
// lost response, except Limited.
func (p *Provider) Fail(order contracts.OrderID, call Call, kind Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fault{call: call, order: order, kind: kind})
}

// faultOf removes and returns the next fault of a call, "" if there is none.
func (p *Provider) faultOf(call Call, order contracts.OrderID) Fault {
	for n, f := range p.faults {
		if f.call == call && f.order == order {
			p.faults = slices.Delete(p.faults, n, n+1)
			return f.kind
		}
	}
	return ""
}

func problem(f pay.Failure, code, text string) *pay.ProviderError {
	return &pay.ProviderError{Failure: f, Code: code, Err: errors.New(text)}
}
