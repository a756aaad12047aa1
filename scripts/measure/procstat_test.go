package main

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// A line of /proc/PID/stat with a user time of 1234 and a kernel time of 66 ticks.
const statTail = " S 1 42 42 0 -1 4194560 5000 900 3 0 1234 66 70 80 20 0 9 0 123456 1300000000 7000 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"

func TestParseStat(t *testing.T) {
	for _, name := range []string{"(reserve)", "(a b)", "(x) S 1 (y)", "()"} {
		got, err := parseStat("42 " + name + statTail)
		if err != nil || got != 13*time.Second {
			t.Errorf("%s: %s, %v; want 13 s", name, got, err)
		}
	}
	for what, broken := range map[string]string{
		"nothing": "", "no name": "42 reserve S 1", "cut short": "42 (reserve) S 1 42 42 0 -1 4194560 5000 900 3 0 1234",
		"no number": strings.Replace("42 (reserve)"+statTail, "1234", "x", 1), "negative": strings.Replace("42 (reserve)"+statTail, "1234", "-4", 1),
	} {
		if got, err := parseStat(broken); err == nil {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestParseMachine(t *testing.T) {
	// user nice system idle iowait irq softirq steal guest guest_nice
	got, err := parseMachine("cpu  100 20 30 9999 8888 4 5 6 70 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if want := 1650 * time.Millisecond; err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	for _, broken := range []string{"", "intr 1 2 3 4 5 6 7 8", "cpu 1 2 3", "cpu 1 2 3 4 5 6 seven 8"} {
		if got, err := parseMachine(broken); err == nil {
			t.Errorf("%q: %s", broken, got)
		}
	}
}

// This reads the real files of the kernel: this process has used CPU time, and no more than the machine.
func TestReadUsageOfThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("this machine has no /proc: measure runs on Linux alone")
	}
	self := process{os.Getpid(), "test", load}
	first, err := readUsage([]process{self})
	if err != nil {
		t.Fatal(err)
	}
	second := first
	for second.of[self] == first.of[self] { // at most some ticks of 10 ms
		if second, err = readUsage([]process{self}); err != nil {
			t.Fatal(err)
		}
	}
	if used, all := second.of[self]-first.of[self], second.machine-first.machine; used < 0 || all < 0 || second.machine < second.of[self] {
		t.Errorf("this process used %s, the machine %s", used, all)
	}
	if _, err := readUsage([]process{{pid: math.MaxInt32, name: "no process"}}); err == nil {
		t.Error("a process that is not there has CPU time")
	}
}

var (
	reserve1 = process{1, "reserve", ours}
	reserve2 = process{2, "reserve", ours}
	emulator = process{3, "ministack", standIn}
	buyers   = process{4, "measure", load}
	quiet    = process{5, "expire", ours}
)

func at(seconds float64, machine time.Duration, of map[process]time.Duration) usage {
	return usage{at: time.Unix(0, 0).Add(time.Duration(seconds * float64(time.Second))), of: of, machine: machine}
}

func TestCostsArePerOrderAndSharesLeaveTheLoadOut(t *testing.T) {
	before := at(0, 100*time.Second, map[process]time.Duration{reserve1: time.Second, reserve2: 0, emulator: 5 * time.Second, buyers: 0, quiet: time.Second})
	after := at(10, 112*time.Second, map[process]time.Duration{reserve1: 2 * time.Second, reserve2: time.Second, emulator: 11 * time.Second, buyers: 2 * time.Second, quiet: time.Second})
	got, err := costs(before, after, 1000)
	want := []processCost{{"ministack", standIn, 6, 0.75}, {"measure", load, 2, 0}, {"reserve", ours, 2, 0.25}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	// The machine has used 12 of the 20 s that two cores have; the measured processes have used 10 of them.
	if share := others(before, after, 2); math.Abs(share-0.1) > 1e-9 {
		t.Errorf("others had %f, want 0.1", share)
	}
}

func TestAProcessThatIsNotInBothUsagesIsAnError(t *testing.T) {
	one := at(0, 0, map[process]time.Duration{reserve1: 0})
	both := at(1, 0, map[process]time.Duration{reserve1: 0, reserve2: 0})
	if _, err := costs(one, both, 1); err == nil || !strings.Contains(err.Error(), "started") {
		t.Errorf("started meanwhile: %v", err)
	}
	if _, err := costs(both, one, 1); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("ended meanwhile: %v", err)
	}
}
