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

// callers counts what comes to a proxy by the process that it comes from, as the kernel knows whose each connection is. What
// is no function, as the host that polls for them, is not counted. It is safe for concurrent use.
type callers struct {
	mu sync.Mutex
	// functions has what runs: the function of each process, "" for a host.
	functions map[int]string
	// connections are those that were dialled, by the caller's end.
	connections map[string]process
	counts      map[process]int
	what        map[string]int
	// unknown is how much could not be told whose it is.
	unknown int
	// began is zero while nothing is counted.
	began time.Time
}

// process of a function; the zero value is one that is not known.
type process struct {
	function string
	pid      int
}

func newCallers() *callers {
	return &callers{functions: map[int]string{}, connections: map[string]process{}, counts: map[process]int{}, what: map[string]int{}}
}

// begin counts from now on.
func (c *callers) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = time.Now()
}

// dialled finds out whose a new connection is, while both ends still have it.
func (c *callers) dialled(from, to string) {
	p := c.owner(from, to)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connections[from] = p
}

// add counts what came over a connection that was dialled.
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

// owner looks for the process that has the other end of a connection.
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
			if has(pid, socket) {
				return process{function, pid}
			}
		}
		// A process that was started since.
		running := functionsRunning()
		c.mu.Lock()
		c.functions = running
		c.mu.Unlock()
	}
	return process{}
}

// functionsRunning are the processes of functions and hosts, of this stack and any other.
func functionsRunning() map[int]string {
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
		// Those that end meanwhile, or are another user's, cannot be read.
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

// end counts no more, and answers what each function's busiest process did a second since begin, what that was in all, and how
// much a second came from processes of functions, and from those that are not known.
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
