package world

import (
	"errors"
	"fmt"
	"slices"
)

// Call is the name of a call that a handler makes to a port.
type Call string

// Any stands for a call of any name.
const Any Call = "any call"

// Calls to orders and tickets. PutAll is one Put for each row.
const (
	Put          Call = "put"
	Read         Call = "read"
	ReadMany     Call = "read many"
	Update       Call = "update"
	RejectLost   Call = "reject lost"
	Commit       Call = "commit"
	Withdraw     Call = "withdraw"
	Ticket       Call = "ticket"
	Tickets      Call = "tickets"
	CountTickets Call = "count tickets"
	OpenIDs      Call = "open ids"
	DuePage      Call = "due page"
	NextToken    Call = "next token"
)

// Calls to seat groups in Redis.
const (
	Hold    Call = "hold"
	Keep    Call = "keep"
	Sell    Call = "sell"
	Restore Call = "restore"
	Release Call = "release"
	Forward Call = "forward"
	Maps    Call = "maps"
	Loaded  Call = "loaded"
	Lock    Call = "lock"
	Unlock  Call = "unlock"
	Load    Call = "load"
	Sweep   Call = "sweep"
	State   Call = "state"
	Repair  Call = "repair"
)

// Calls to the payment provider.
const (
	Create      Call = "create"
	Retrieve    Call = "retrieve"
	Capture     Call = "capture"
	Cancel      Call = "cancel"
	Undelivered Call = "undelivered"
	Entries     Call = "entries"
	Entry       Call = "entry"
)

// Calls to the catalogue.
const (
	Concert     Call = "concert"
	Concerts    Call = "concerts"
	Layout      Call = "layout"
	LayoutGroup Call = "layout group"
	TellFirst   Call = "tell first"
	Complete    Call = "complete"
	Freeze      Call = "freeze"
)

// Calls to queues, notes, dead letters and the pace.
const (
	Send       Call = "send"
	Known      Call = "known"
	Note       Call = "note"
	Cursor     Call = "cursor"
	MoveCursor Call = "move cursor"
	Copy       Call = "copy"
	KeepLetter Call = "keep letter"
	Leave      Call = "leave"
)

// RedisCalls are all calls to seat groups in Redis.
var RedisCalls = []Call{Hold, Keep, Sell, Restore, Release, Forward, Maps, Loaded, Lock, Unlock, Load, Sweep, State, Repair}

// ErrDown is the error of a call that fails, unless With chose another one. ErrCrashed is that of every call from a crash on.
var (
	ErrDown    = errors.New("broken connection")
	ErrCrashed = errors.New("the process has ended")
)

// Fault is something that goes wrong with one call. Make one with Fails, LosesAnswer, LandsLate, Crashes, CrashesAfter or
// Panics; the zero Fault is not one.
type Fault struct {
	call   Call
	how    how
	err    error
	about  string
	nth    int
	always bool
}

type how string

const (
	before      how = "fails"
	after       how = "loses its answer"
	late        how = "lands late"
	crash       how = "crashes"
	crashBehind how = "crashes after its effect"
	panics      how = "panics"
)

// Fails makes the next call of that name fail before it has an effect.
func Fails(c Call) Fault { return Fault{call: c, how: before, err: ErrDown, nth: 1} }

// LosesAnswer makes the next call of that name have its effect and return an error, whatever its own answer is.
func LosesAnswer(c Call) Fault { return Fault{call: c, how: after, err: ErrDown, nth: 1} }

// LandsLate makes the next call of that name return an error and have its effect only when Land is called.
func LandsLate(c Call) Fault { return Fault{call: c, how: late, err: ErrDown, nth: 1} }

// Crashes ends the process at the next call of that name: it and every later call return ErrCrashed without an effect.
func Crashes(c Call) Fault { return Fault{call: c, how: crash, err: ErrCrashed, nth: 1} }

// CrashesAfter ends the process once the next call of that name has had its effect: it and every later call return ErrCrashed.
func CrashesAfter(c Call) Fault { return Fault{call: c, how: crashBehind, err: ErrCrashed, nth: 1} }

// Panics makes the next call of that name panic before it has an effect.
func Panics(c Call) Fault { return Fault{call: c, how: panics, err: ErrDown, nth: 1} }

// With returns the fault with another error.
func (f Fault) With(err error) Fault { f.err = err; return f }

// About returns the fault for calls that name this order, seat group (its key), queue, concert, idempotency key or id.
func (f Fault) About(what string) Fault { f.about = what; return f }

// Nth returns the fault for the n-th such call from when it is injected, from 1.
func (f Fault) Nth(n int) Fault { f.nth = n; return f }

// Always returns the fault for every such call until Heal, from the n-th on.
func (f Fault) Always() Fault { f.always = true; return f }

// Call returns the name of the calls that the fault is of.
func (f Fault) Call() Call { return f.call }

// String says what happens, as the name of a subtest.
func (f Fault) String() string {
	text := string(f.call)
	if f.nth > 1 {
		text = fmt.Sprintf("%s %d", text, f.nth)
	}
	if f.about != "" {
		text += " of " + f.about
	}
	return text + " " + string(f.how)
}

// Inject adds faults. A call meets the first of those that were injected which is of it.
func (w *World) Inject(faults ...Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, faults...)
}

// Heal removes and returns the faults of these calls that were not met yet, or all faults if no call is named.
func (w *World) Heal(calls ...Call) (removed []Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = slices.DeleteFunc(w.faults, func(f Fault) bool {
		if len(calls) > 0 && !slices.Contains(calls, f.call) {
			return false
		}
		removed = append(removed, f)
		return true
	})
	return removed
}

// Down makes every call of these names fail with err until Heal.
func (w *World) Down(err error, calls ...Call) {
	for _, c := range calls {
		w.Inject(Fails(c).With(err).Always())
	}
}

// Restart begins a new process after a crash: calls have effects again. Faults that were not met stay.
func (w *World) Restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.crashed = false
}

// Land lets the effects of calls that land late happen, in the order of the calls.
func (w *World) Land() {
	w.mu.Lock()
	effects := w.late
	w.late = nil
	w.mu.Unlock()
	for _, effect := range effects {
		effect()
	}
}

// Meanwhile calls do once, before the next call of that name is recorded and meets its fault.
func (w *World) Meanwhile(c Call, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meanwhile[c] = append(w.meanwhile[c], do)
}

// BeforeEach calls do before each call is recorded and meets its fault; nil ends that. Calls that do makes to ports call it too.
func (w *World) BeforeEach(do func(c Call, about ...string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beforeEach = do
}

// hooks does what others do before a call.
func (w *World) hooks(c Call, about []string) {
	w.mu.Lock()
	each, once := w.beforeEach, w.meanwhile[c]
	delete(w.meanwhile, c)
	w.mu.Unlock()
	for _, do := range once {
		do()
	}
	if each != nil {
		each(c, about...)
	}
}

// meet records a call and returns the fault that it meets, the zero Fault if none.
func (w *World) meet(c Call, about []string) (met Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, Made{Call: c, About: about})
	if w.crashed {
		return Fault{how: before, err: ErrCrashed}
	}
	at := -1
	for i := range w.faults {
		f := &w.faults[i]
		if f.call != c && f.call != Any || f.about != "" && !slices.Contains(about, f.about) {
			continue
		}
		if f.nth > 1 {
			f.nth--
		} else if at < 0 {
			at = i
		}
	}
	if at < 0 {
		return Fault{}
	}
	met = w.faults[at]
	if !met.always {
		w.faults = slices.Delete(w.faults, at, at+1)
	}
	w.crashed = met.how == crash || met.how == crashBehind
	return met
}

// Do makes a call of a port: it runs the hooks, records the call, and has the effect unless a fault prevents it. The decorators
// of this package are made of it, and so are those of ports that one package alone has.
func Do[T any](w *World, c Call, about []string, effect func() (T, error)) (result T, err error) {
	w.hooks(c, about)
	var none T
	switch f := w.meet(c, about); f.how {
	case "":
		return effect()
	case after, crashBehind:
		_, _ = effect() // the answer is lost, whatever it is
		return none, f.err
	case late:
		w.mu.Lock()
		w.late = append(w.late, func() { _, _ = effect() })
		w.mu.Unlock()
		return none, f.err
	case panics:
		panic(fmt.Sprintf("%s: %v", c, f.err))
	default:
		return none, f.err
	}
}

// do is Do for a call that returns an error alone.
func do(w *World, c Call, about []string, effect func() error) error {
	_, err := Do(w, c, about, func() (struct{}, error) { return struct{}{}, effect() })
	return err
}
