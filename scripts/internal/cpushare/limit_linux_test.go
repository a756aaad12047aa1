package cpushare

import (
	"context"
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
				for {
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

// A program that would use all processors gets its share, and all of them again when the limit has ended. Whatever else runs on
// the machine can take time from the program and make the limit's looks late, so each bound is waited for.
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
	begun, before := time.Now(), used(t, pid)
	for {
		time.Sleep(50 * time.Millisecond)
		elapsed := time.Since(begun)
		held := (used(t, pid) - before).Seconds() / elapsed.Seconds()
		if elapsed >= 2*time.Second && held > share*0.1 && held < share*1.5 {
			break
		}
		if elapsed > patience {
			t.Errorf("it used %.3f of a processor, want %.3f", held, share)
			break
		}
	}
	cancel()
	limit.Wait()

	// Without a limit some half second brings twice the share, also on a busy machine.
	const window = 500 * time.Millisecond
	for begun := time.Now(); ; {
		from, before := time.Now(), used(t, pid)
		time.Sleep(window)
		free := (used(t, pid) - before).Seconds() / time.Since(from).Seconds()
		if free > 2*share {
			break
		}
		if time.Since(begun) > patience {
			t.Errorf("it used %.3f of a processor after the limit had ended", free)
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
