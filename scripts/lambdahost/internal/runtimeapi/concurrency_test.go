package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const echoPayload = `{"do":"echo"}`

// sleeping is an invocation that takes d.
func sleeping(d time.Duration) Invocation {
	return Invocation{Payload: fmt.Appendf(nil, `{"do":"sleep","for":"%s"}`, d)}
}

// reserveSoon fails if no process can be reserved within 10 ms.
func reserveSoon(t *testing.T, host fixture) (*Place, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	return host.Reserve(ctx, "echo")
}

// No other call gets a reserved process until it is used or given back.
func TestReservedProcessIsKeptFree(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes = 2 })
	first, err := host.Reserve(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	second, err := host.Reserve(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reserveSoon(t, host); !errors.Is(err, ErrNoFreeProcess) {
		t.Errorf("a third place of two processes: %v", err)
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload), Wait: 10 * time.Millisecond}); !errors.Is(err, ErrNoFreeProcess) {
		t.Errorf("a call without a place got a reserved process: %v", err)
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload), Place: first}); err != nil {
		t.Errorf("a call with a place: %v", err)
	}
	second.GiveBack()
	second.GiveBack() // the second call does nothing
	for range 2 {
		place, err := host.Reserve(t.Context(), "echo")
		if err != nil {
			t.Fatal(err)
		}
		defer place.GiveBack()
	}
}

// A waiting call gets a process that is given back.
func TestGivenBackPlaceGoesToAWaitingCall(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes = 1 })
	place, err := host.Reserve(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := host.Invoke(context.Background(), "echo", Invocation{Payload: []byte(echoPayload)})
		result <- err
	}()
	eventually(t, "waiting", func() bool { return host.Status()[0].Waiting == 1 })
	place.GiveBack()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// With two processes and a reserved concurrency of one, no second call runs beside the first.
func TestReservedConcurrency(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes, f.ReservedConcurrency = 2, 1 })
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		if _, err := host.Invoke(context.Background(), "echo", sleeping(200*time.Millisecond)); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "busy", func() bool { return host.Status()[0].InFlight == 1 })
	begun := time.Now()
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload)}); !errors.Is(err, ErrThrottled) || !NotInvoked(err) || !MayBeInvokedLater(err) {
		t.Errorf("beside a running call: %v", err)
	}
	if took := time.Since(begun); took > 100*time.Millisecond {
		t.Errorf("a throttled call returned after %s", took)
	}
	if _, err := reserveSoon(t, host); !errors.Is(err, ErrNoFreeProcess) {
		t.Errorf("a place beside a running call: %v", err)
	}
	place, err := host.Reserve(t.Context(), "echo") // waits until the call has ended
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload)}); !errors.Is(err, ErrThrottled) {
		t.Errorf("beside an announced call: %v", err)
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload), Place: place}); err != nil {
		t.Errorf("the announced call itself: %v", err)
	}
	if got := host.Status()[0]; got.Throttles != 2 || got.Invocations != 2 {
		t.Errorf("status %+v", got)
	}
}

// 50 parallel callers, of which at most two may run.
func TestReservedConcurrencyIsNeverExceeded(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes, f.ReservedConcurrency = 4, 2 })
	var done, throttled, most atomic.Int64
	stop := make(chan struct{})
	var watcher, callers sync.WaitGroup
	watcher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				most.Store(max(most.Load(), int64(host.Status()[0].InFlight)))
			}
		}
	})
	for range 50 {
		callers.Go(func() {
			_, err := host.Invoke(context.Background(), "echo", sleeping(20*time.Millisecond))
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, ErrThrottled):
				throttled.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	callers.Wait()
	close(stop)
	watcher.Wait()
	if most.Load() > 2 || done.Load() < 2 || done.Load()+throttled.Load() != 50 {
		t.Errorf("%d at once, %d done, %d throttled", most.Load(), done.Load(), throttled.Load())
	}
}

// A caller that has its response may call again at once, even if the process has not asked for work yet.
func TestCallAfterAResponseIsNotThrottled(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes, f.ReservedConcurrency = 1, 1 })
	for range 200 {
		if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(`{"do":"exit"}`)}); err == nil {
		t.Error("the call of a process that exited succeeded")
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(echoPayload)}); err != nil {
		t.Errorf("after the process exited: %v", err)
	}
}
