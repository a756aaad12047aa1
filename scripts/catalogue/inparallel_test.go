package catalogue

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestInParallelRunsUpToTheLimit(t *testing.T) {
	for parallel, want := range map[int]int32{0: 1, 1: 1, 3: 3, 9: 6} {
		synctest.Test(t, func(t *testing.T) {
			var begun atomic.Int32
			gate, ended := make(chan struct{}), make(chan error)
			go func() {
				ended <- inParallel(t.Context(), parallel, make([]int, 6), func(context.Context, int) error {
					begun.Add(1)
					<-gate
					return nil
				})
			}()
			// All calls that may run have started and wait.
			synctest.Wait()
			if n := begun.Load(); n != want {
				t.Errorf("%d at a time: %d have begun, want %d", parallel, n, want)
			}
			close(gate)
			if err := <-ended; err != nil || begun.Load() != 6 {
				t.Errorf("%d at a time: error %v, %d of 6 done", parallel, err, begun.Load())
			}
		})
	}
}

func TestInParallelReturnsTheFirstFailureAndCancelsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("planted")
		err := inParallel(t.Context(), 2, []bool{true, false}, func(ctx context.Context, wait bool) error {
			if wait {
				<-ctx.Done()
				return ctx.Err()
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("error %v", err)
		}
	})
}
