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

// usedIn is what a process uses in a time.
func usedIn(t *testing.T, pid int, d time.Duration) time.Duration {
	t.Helper()
	before, err := cpuTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	after, err := cpuTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	return after - before
}

// A program that would use all processors gets its share, and all of them again when the limit has ended.
func TestAProcessIsHeldToItsShare(t *testing.T) {
	const share = 0.145
	pid := burn(t).Process.Pid
	ctx, cancel := context.WithCancel(t.Context())
	var limit sync.WaitGroup
	limit.Go(func() {
		if err := Limit(ctx, pid, share); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(100 * time.Millisecond)
	// What else runs on the machine can only take from it. A timer that is late lets it use more, and then stand still for longer.
	held := usedIn(t, pid, 2*time.Second).Seconds() / 2
	if held > share*1.5 || held < share*0.1 {
		t.Errorf("it used %.3f of a processor, want %.3f", held, share)
	}
	cancel()
	limit.Wait()
	if free := usedIn(t, pid, time.Second).Seconds(); free < 2*share {
		t.Errorf("it used %.3f of a processor after the limit had ended", free)
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
