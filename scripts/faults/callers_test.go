package faults

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// callers counts the calls at a proxy by calling process, which the kernel knows for each connection. Calls of processes that are
// not functions, such as the host that polls for them, are not counted. It is safe for concurrent use.
type callers struct {
	mu sync.Mutex
	// functions maps each running process to its function, "" for a host.
	functions map[int]string
	// connections maps the caller's address of each open connection to its process.
	connections map[string]process
	counts      map[process]int
	what        map[string]int
	// unknown counts the calls whose process was not found.
	unknown int
	// began is zero while nothing is counted.
	began time.Time
}

// process of a function; the zero value is an unknown process.
type process struct {
	function string
	pid      int
}

func newCallers() *callers {
	return &callers{functions: map[int]string{}, connections: map[string]process{}, counts: map[process]int{}, what: map[string]int{}}
}

// begin starts counting.
func (c *callers) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = time.Now()
}

// dialled finds the process of a new connection, while both ends are open.
func (c *callers) dialled(from, to string) {
	p := c.owner(from, to)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connections[from] = p
}

// add counts a call over a dialled connection.
func (c *callers) add(from, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.connections[from]
	switch {
	case c.began.IsZero():
	case p.pid == 0:
		c.unknown++
	case p.function != "":
		c.counts[p]++
		c.what[p.function+" "+what]++
	}
}

// owner finds the process at the other end of a connection.
func (c *callers) owner(from, to string) process {
	socket, err := socketOf(from, to)
	if err != nil || socket == "" {
		return process{}
	}
	for range 2 {
		c.mu.Lock()
		functions := maps.Clone(c.functions)
		c.mu.Unlock()
		for pid, function := range functions {
			if hasSocket(pid, socket) {
				return process{function, pid}
			}
		}
		// The process may have started since the last scan.
		running := runningFunctions()
		c.mu.Lock()
		c.functions = running
		c.mu.Unlock()
	}
	return process{}
}

// runningFunctions returns the processes of functions and hosts, of this stack and all others.
func runningFunctions() map[int]string {
	running := map[int]string{}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return running
	}
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		// Processes that have ended since, or belong to another user, cannot be read.
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))
		program, _ := os.ReadFile(filepath.Join(folder, "comm"))
		for _, variable := range strings.Split(string(environment), "\x00") {
			if name, ok := strings.CutPrefix(variable, "AWS_LAMBDA_FUNCTION_NAME="); ok {
				running[pid] = name
			}
		}
		if strings.TrimSpace(string(program)) == "lambdahost" {
			running[pid] = ""
		}
	}
	return running
}

// end stops counting. It returns the calls a second of each function's busiest process since begin, a summary of all calls, and
// the calls a second of all known processes and of unknown ones.
func (c *callers) end() (busiest map[string]float64, all string, known, unknown float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seconds := time.Since(c.began).Seconds()
	c.began = time.Time{}
	busiest = map[string]float64{}
	for p, n := range c.counts {
		known += float64(n) / seconds
		busiest[p.function] = max(busiest[p.function], math.Round(float64(n)/seconds*10)/10)
	}
	parts := []string{fmt.Sprintf("unknown %d", c.unknown)}
	for _, what := range slices.Sorted(maps.Keys(c.what)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, c.what[what]))
	}
	return busiest, strings.Join(parts, ", "), known, float64(c.unknown) / seconds
}
