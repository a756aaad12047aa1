package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// identity returns a text for a running process that no other process with the same id has, in this boot or another. It is an
// error if there is no such process.
func identity(pid int) (started string, zombie bool, err error) {
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		return identityFromProc(pid)
	}
	return identityFromPS(pid)
}

// Positions in /proc/PID/stat after the command's name, which is in parentheses and may contain spaces (proc(5)).
const (
	statState = 0
	statStart = 19
)

func identityFromProc(pid int) (string, bool, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", false, fmt.Errorf("process %d: %w", pid, err)
	}
	_, rest, found := cutLast(string(stat), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) <= statStart {
		return "", false, fmt.Errorf("process %d: /proc/%d/stat cannot be read", pid, pid)
	}
	// Ticks count from the boot, so they alone could match a process of another boot.
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", false, fmt.Errorf("process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(boot)) + ":" + fields[statStart], fields[statState] == "Z", nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

func identityFromPS(pid int) (string, bool, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	if err != nil {
		return "", false, fmt.Errorf("process %d: %w", pid, err)
	}
	state, started, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if started == "" {
		return "", false, errors.New("ps gave no start time")
	}
	return strings.TrimSpace(started), strings.HasPrefix(state, "Z"), nil
}
