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

// asBurner makes the test binary a program that uses all the processors it gets, with two threads.
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

// used is what a process has used so far.
func used(t *testing.T, pid int) time.Duration {
	t.Helper()
	d, err := cpuTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// stands tells whether a process is stopped.
func stands(t *testing.T, pid int) bool {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte(") T "))
}

// A program that would use all processors gets its share, and is never stopped again when the limit has ended. Whatever else runs
// on the machine can take time from the program and make the limit's looks late, so what it uses is waited for.
func TestAProcessIsHeldToItsShare(t *testing.T) {
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

	// A look that is late lets the program use more, and then it stands still for longer: the average comes back to the share.
	begun, before, stopped := time.Now(), used(t, pid), false
	for {
		time.Sleep(10 * time.Millisecond)
		elapsed := time.Since(begun)
		held := (used(t, pid) - before).Seconds() / elapsed.Seconds()
		stopped = stopped || stands(t, pid)
		if elapsed >= 2*time.Second && stopped && held > share*0.1 && held < share*1.5 {
			break
		}
		if elapsed > patience {
			t.Errorf("it used %.3f of a processor, want %.3f; was it stopped: %t", held, share, stopped)
			break
		}
	}
	cancel()
	limit.Wait()

	// With the limit it stands still for most of the time. How much it gets now is up to what else runs, but it goes on.
	for begun, before := time.Now(), used(t, pid); ; {
		time.Sleep(10 * time.Millisecond)
		elapsed, free := time.Since(begun), used(t, pid)-before
		if elapsed > 100*time.Millisecond && stands(t, pid) {
			t.Errorf("it stands still %s after the limit had ended", elapsed)
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
