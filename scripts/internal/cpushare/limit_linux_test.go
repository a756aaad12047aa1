package cpushare

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// asBurner names the variable that makes the test binary a program with two threads that use all the processors they get.
const asBurner = "CPUSHARE_TEST_BURN"

func TestMain(m *testing.M) {
	if os.Getenv(asBurner) != "" {
		for range 2 {
			go func() {
				for burnt := 0; ; {
					burnt++
				}
			}()
		}
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

// burn starts a program that uses whole processors.
func burn(t *testing.T) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(executable)
	command.Env = append(os.Environ(), asBurner+"=1")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	})
	return command
}

// used returns the CPU time of a process.
func used(t *testing.T, pid int) time.Duration {
	t.Helper()
	d, err := cpuTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// stopped reports whether a process is stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte(") T "))
}

// A program that would use all processors gets its share, and is not stopped any more when the limit has ended. Other programs
// can take time from it and delay the checks of its CPU time, so the test waits until the share is right.
func TestLimitKeepsAProcessAtItsShare(t *testing.T) {
	const share = 0.145
	const patience = 10 * time.Second
	pid := burn(t).Process.Pid
	ctx, cancel := context.WithCancel(t.Context())
	var limit sync.WaitGroup
	limit.Go(func() {
		if err := Limit(ctx, pid, share); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(100 * time.Millisecond)

	// After a late check the program has used more and is stopped for longer, so the average returns to the share.
	begun, before, wasStopped := time.Now(), used(t, pid), false
	for {
		time.Sleep(10 * time.Millisecond)
		elapsed := time.Since(begun)
		held := (used(t, pid) - before).Seconds() / elapsed.Seconds()
		wasStopped = wasStopped || stopped(t, pid)
		if elapsed >= 2*time.Second && wasStopped && held > share*0.1 && held < share*1.5 {
			break
		}
		if elapsed > patience {
			t.Errorf("it used %.3f of a processor, want %.3f; was it stopped: %t", held, share, wasStopped)
			break
		}
	}
	cancel()
	limit.Wait()

	// With the limit it was stopped for most of the time. How much it gets now depends on other programs, but it runs.
	for begun, before := time.Now(), used(t, pid); ; {
		time.Sleep(10 * time.Millisecond)
		elapsed, free := time.Since(begun), used(t, pid)-before
		if elapsed > 100*time.Millisecond && stopped(t, pid) {
			t.Errorf("it is stopped %s after the limit had ended", elapsed)
			break
		}
		if elapsed >= time.Second && free > 50*time.Millisecond {
			break
		}
		if elapsed > patience {
			t.Errorf("it used %s in %s after the limit had ended", free, elapsed)
			break
		}
	}
}

func TestLimitEndsWithItsProcess(t *testing.T) {
	command := burn(t)
	ended := make(chan error, 1)
	go func() { ended <- Limit(t.Context(), command.Process.Pid, 0.1) }()
	time.Sleep(50 * time.Millisecond)
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // it was killed
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the limit goes on")
	}
}
