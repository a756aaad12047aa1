package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ. /proc counts CPU time in it on every architecture that Go supports.
const ticksPerSecond = 100

// cpuOf returns the CPU time of a process in user and kernel mode, in steps of 10 ms. The time of ended children is not in it.
func cpuOf(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return parseStat(string(content))
}

// parseStat reads utime and stime, fields 14 and 15 of /proc/PID/stat (proc_pid_stat(5)). The second field is the
// program's name in parentheses, which may contain spaces and parentheses.
func parseStat(stat string) (time.Duration, error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, fmt.Errorf("no name in /proc/PID/stat: %.80q", stat)
	}
	fields := strings.Fields(stat[end+1:])
	const utime, stime = 14 - 3, 15 - 3 // the first field after the name is the third
	if len(fields) <= stime {
		return 0, fmt.Errorf("%d fields after the name in /proc/PID/stat, want over %d", len(fields), stime)
	}
	return sumTicks(fields[utime], fields[stime])
}

// part says what a process is.
type part string

const (
	ours    part = "ours"     // a function that would be deployed
	standIn part = "stand-in" // a program that takes the place of AWS or Stripe, and Redis
	load    part = "load"     // this program, which plays the buyers
)

// usage is the CPU time used until an instant: by each process, and by everything on the machine.
type usage struct {
	at      time.Time
	of      map[process]time.Duration
	machine time.Duration
}

// readUsage reads the CPU time of processes.
func readUsage(all []process) (usage, error) {
	u := usage{at: time.Now(), of: map[process]time.Duration{}}
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, fmt.Errorf("CPU time of the machine: %w", err)
	}
	if u.machine, err = parseMachine(string(content)); err != nil {
		return u, err
	}
	for _, p := range all {
		if u.of[p], err = cpuOf(p.pid); err != nil {
			return u, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return u, nil
}

// parseMachine adds up the first line of /proc/stat (proc_stat(5)). It leaves out the fourth and fifth number, which are idle
// time and waiting for disks, and those after the eighth, which are guests and already in the first two.
func parseMachine(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins %.80q", line)
	}
	return sumTicks(fields[1], fields[2], fields[3], fields[6], fields[7], fields[8])
}

func sumTicks(fields ...string) (time.Duration, error) {
	var ticks int64
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("CPU time in /proc is %q", f)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// others returns the share of the machine's CPU, 0 to 1, that other processes used. The measured processes may have waited for
// it.
func others(before, after usage, cores int) float64 {
	rest := after.machine - before.machine
	for p := range before.of {
		rest -= after.of[p] - before.of[p]
	}
	return max(0, rest.Seconds()/(after.at.Sub(before.at).Seconds()*float64(cores)))
}

// processCost is the CPU time for an order that the processes with one name used.
type processCost struct {
	Name string `json:"name"`
	Part part   `json:"part"`
	// MillisecondsPerOrder is CPU time. Share is the share of all CPU time except the load's, 0 to 1.
	MillisecondsPerOrder float64 `json:"millisecondsPerOrder"`
	Share                float64 `json:"share"`
}

// costs returns the CPU time used between before and after for so many orders, the largest first. Names without CPU time are left
// out. A process that is not in both usages is an error, since it would be counted wrongly.
func costs(before, after usage, orders int) ([]processCost, error) {
	for p := range after.of {
		if _, found := before.of[p]; !found {
			return nil, fmt.Errorf("process %d of %s was started during the measure", p.pid, p.name)
		}
	}
	spent := map[process]time.Duration{} // by name, without the id
	var all time.Duration
	for p, then := range before.of {
		now, found := after.of[p]
		if !found {
			return nil, fmt.Errorf("process %d of %s ended during the measure", p.pid, p.name)
		}
		spent[process{name: p.name, part: p.part}] += now - then
		if p.part != load {
			all += now - then
		}
	}
	var list []processCost
	for p, d := range spent {
		if d == 0 {
			continue
		}
		c := processCost{Name: p.name, Part: p.part, MillisecondsPerOrder: d.Seconds() * 1000 / float64(orders)}
		if p.part != load {
			c.Share = d.Seconds() / all.Seconds()
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b processCost) int {
		return cmp.Or(cmp.Compare(b.MillisecondsPerOrder, a.MillisecondsPerOrder), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}
