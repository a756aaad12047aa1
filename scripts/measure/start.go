package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/scripts/internal/cpushare"
)

// functionCost is the size of a function's binary and the duration of its starts.
type functionCost struct {
	Name string `json:"name"`
	// Bytes is the size of its bootstrap.
	Bytes int64 `json:"bytes"`
	// Ready is the time from the start of the process until it asks for work, Answer until it has responded to its first event: the
	// median and the worst of the starts, in milliseconds.
	Ready  spread `json:"ready"`
	Answer spread `json:"answer"`
	// Event describes the first event.
	Event string `json:"event"`
	// Megabytes is the function's memory. Held has the same times with the share of a processor that Lambda gives this memory.
	Megabytes int  `json:"megabytes"`
	Held      held `json:"held"`
}

type held struct {
	Ready  spread `json:"ready"`
	Answer spread `json:"answer"`
}

type spread struct {
	Median float64 `json:"median"`
	Worst  float64 `json:"worst"`
}

// spreadOf returns the median and the worst of at least one time.
func spreadOf(times []time.Duration) spread {
	sorted := slices.Sorted(slices.Values(times))
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return spread{Median: ms(sorted[len(sorted)/2]), Worst: ms(sorted[len(sorted)-1])}
}

// starts measures starts of each function while only the servers run. A function gets the environment that lambdahost gave it,
// but a Runtime API with one event and a secrets extension of this program.
func (m *measures) starts(ctx context.Context) (_ []functionCost, err error) {
	events, err := m.firstEvents(ctx)
	if err != nil {
		return nil, err
	}
	status, err := m.hostStatus(ctx)
	if err != nil {
		return nil, err
	}
	resume, err := m.pause(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resume()) }()
	variable, end, err := m.serveSecrets()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	var all []functionCost
	for _, f := range status.Functions {
		if len(events[f.Name]) == 0 {
			return nil, fmt.Errorf("there is no first event for function %s", f.Name)
		}
		for _, event := range events[f.Name] {
			m.progress("%s: %d starts, %s", f.Name, m.Starts, event.what)
			c, err := m.startsOf(ctx, f.Name, f.Processes[0].PID, variable, event)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// startsOf measures starts of a function with the environment of the process like and one more variable.
func (m *measures) startsOf(ctx context.Context, name string, like int, variable string, event firstEvent) (functionCost, error) {
	c := functionCost{Name: name, Event: event.what}
	binary, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", like))
	if err != nil {
		return c, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return c, err
	}
	c.Bytes = info.Size()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", like))
	if err != nil {
		return c, err
	}
	environment := append(strings.Split(strings.TrimRight(string(content), "\x00"), "\x00"), variable)
	if c.Megabytes, err = memoryOf(environment); err != nil {
		return c, err
	}
	if c.Ready, c.Answer, err = m.startAll(ctx, binary, environment, event, 0); err != nil {
		return c, err
	}
	c.Held.Ready, c.Held.Answer, err = m.startAll(ctx, binary, environment, event, cpushare.Of(c.Megabytes))
	return c, err
}

// startAll starts a function m.Starts times. A share of 0 is the whole machine.
func (m *measures) startAll(ctx context.Context, binary string, environment []string, event firstEvent, share float64) (toReady, toAnswer spread, err error) {
	var ready, answered []time.Duration
	for range m.Starts {
		r, a, err := start(ctx, binary, environment, event, share)
		if err != nil {
			return toReady, toAnswer, err
		}
		ready, answered = append(ready, r), append(answered, a)
	}
	return spreadOf(ready), spreadOf(answered), nil
}

// memoryOf returns the memory in megabytes that the environment says a function has.
func memoryOf(environment []string) (megabytes int, err error) {
	const variable = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	for _, entry := range environment {
		if value, found := strings.CutPrefix(entry, variable+"="); found {
			megabytes, err = strconv.Atoi(value)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", variable, err)
	}
	if megabytes <= 0 {
		return 0, fmt.Errorf("%s is %d", variable, megabytes)
	}
	return megabytes, nil
}

// startWithin bounds one start. reconcile runs for seconds.
const startWithin = time.Minute

// start starts a function with a share of a processor, sends it an event, receives its response and kills it. A share of 0 is no
// limit.
func start(ctx context.Context, binary string, environment []string, event firstEvent, share float64) (ready, answered time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	api, err := newRuntimeAPI(event.payload)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, api.close()) }()
	command := exec.CommandContext(ctx, binary)
	command.Dir = filepath.Dir(binary)
	// Of two values of a variable the last one counts.
	command.Env = append(slices.Clone(environment), "AWS_LAMBDA_RUNTIME_API="+api.address)
	begun := time.Now()
	if err := command.Start(); err != nil {
		return 0, 0, err
	}
	limit := make(chan error, 1)
	if share > 0 {
		go func() { limit <- cpushare.Limit(ctx, command.Process.Pid, share) }()
	} else {
		limit <- nil
	}
	defer func() {
		cancel()
		err = errors.Join(err, <-limit)
		_ = command.Wait() // it was killed
	}()
	var first answer
	select {
	case first = <-api.answers:
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("no response: %w", ctx.Err())
	}
	if first.failed || !strings.Contains(string(first.body), event.want) {
		return 0, 0, fmt.Errorf("the response is %.300s, want %s", first.body, event.want)
	}
	return first.asked.Sub(begun), first.at.Sub(begun), nil
}
