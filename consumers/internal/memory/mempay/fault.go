package mempay

import (
	"errors"
	"slices"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
)

// Call is one of the calls that a fault may hit.
type Call string

// Calls.
const (
	CallCreate   Call = "create"
	CallRetrieve Call = "retrieve"
	CallCapture  Call = "capture"
	CallCancel   Call = "cancel"
)

// Fault is what goes wrong with a call.
type Fault string

// Faults.
const (
	// Limited refuses the call before anything is begun, under no key.
	Limited Fault = "limited"
	// Lost makes the call and loses the answer.
	Lost Fault = "lost"
	// Broken answers a 5xx in place of the call, BrokenAfter after it. The key repeats it for ever.
	Broken      Fault = "broken"
	BrokenAfter Fault = "broken after"
	// Garbled is Broken, and what is answered cannot be read: the page of a proxy in place of Stripe's words.
	Garbled Fault = "garbled"
)

type fault struct {
	call  Call
	order contracts.OrderID
	kind  Fault
}

// Fail makes the next call of that name about an order fail. A retrieve has no effect and no key, so that of it every fault
// but Limited is a lost answer.
func (p *Provider) Fail(order contracts.OrderID, call Call, kind Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fault{call: call, order: order, kind: kind})
}

// faultOf takes the next fault of a call, "" if there is none.
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
