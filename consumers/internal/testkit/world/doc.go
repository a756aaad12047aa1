// Package world has the ports of the handlers in memory: orders and tickets, seat groups in Redis, queues, the payment provider,
// the catalogue, notes and dead letters. Each port is a decorator of a store in memory (see consumers/internal/memory) in which
// single calls can be made to fail.
//
// A World has one vocabulary for what goes wrong with a call:
//
//	Fails         the call has no effect and returns an error
//	LosesAnswer   the call has its effect, and its answer is lost, whatever it is: the call returns an error
//	LandsLate     the call returns an error and has no effect yet; it has its effect when Land is called
//	Crashes       the process ends at the call: neither it nor any later call has an effect, until Restart
//	CrashesAfter  the call has its effect, and then the process ends: no later call has an effect, until Restart
//	Panics        the call has no effect and panics
//
// A fault is of the next call of one name, or of any name (Any). About narrows it to calls about one order, group, queue or
// concert, Nth chooses the n-th such call, Always keeps it until Heal, and With chooses the error. A handler goes on after a crash,
// since Go cannot end it, but all its calls return ErrCrashed, so that only what it did before is seen. A World is one process: a
// crash ends all handlers over it. Meanwhile and BeforeEach do what others do between two calls of a handler.
//
// A World records which calls were made, what was sent, what was buried and which letters are kept. The fields Rows, Holds, Ledger
// and Stripe are the stores themselves: calls that a test makes there meet no fault and are not recorded.
//
// A World is deterministic: it has no goroutine, no randomness and no timer of its own, and its clock moves only when a test moves
// it (but see UseRealTime). If a handler makes calls at once, their order is the scheduler's, and so is which of them is the n-th.
// A World is safe for the concurrent calls of a handler; its exported fields may be assigned only while no handler runs.
package world
