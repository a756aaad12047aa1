package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/testbed"
)

// settings of a test's stack.
type settings struct {
	// hold is the length of a hold, in seconds; timeout is that of functions that read a queue, and a message comes back
	// six times as long after a process was killed with it. 0: 5 and 2.
	hold, timeout int
	// links are the services between which and the functions there is a link that can be cut: redis, dynamodb, streams,
	// sqs, events. calls are those of AWS whose calls are seen; commands are Redis's.
	links, calls []string
	commands     bool
}

// stack is a running stack of the test's own.
type stack struct {
	*testbed.Bed
	t        *testing.T
	name     string
	links    map[string]*faultproxy.Link
	calls    map[string]*faultproxy.Calls
	commands *faultproxy.Commands
}

// decideWithin is how long an order may wait for its decision when nothing is broken any more: a killed process's messages
// come back after the visibility timeout, and one that fails often waits up to 30 s between tries.
const decideWithin = 60 * time.Second

// newStack brings a stack up, with what stands before its services, and takes it down at the end.
func newStack(t *testing.T, want settings) *stack {
	t.Helper()
	devstack := os.Getenv("DEVSTACK")
	if devstack == "" {
		t.Skip("no devstack in the environment (DEVSTACK is not set): run make faults")
	}
	if want.hold == 0 {
		want.hold = 5
	}
	if want.timeout == 0 {
		want.timeout = 2
	}
	s := &stack{t: t, name: stackName(t.Name()), links: map[string]*faultproxy.Link{}, calls: map[string]*faultproxy.Calls{}}
	free := freePorts(t, 2)
	ports := map[string]int{"redis": free[0], "aws": free[1]}
	arguments := []string{
		"up", "--stack", s.name, "--hold-seconds", fmt.Sprint(want.hold), "--handler-timeout", fmt.Sprint(want.timeout),
		"--aws-port", fmt.Sprint(ports["aws"]), "--redis-port", fmt.Sprint(ports["redis"]),
	}
	for service, address := range s.stand(want, ports) {
		arguments = append(arguments, "--via", service+"="+address)
	}
	s.command(devstack, "down", "--stack", s.name)
	t.Cleanup(func() { s.command(devstack, "down", "--stack", s.name) })
	s.command(devstack, arguments...)
	environment := map[string]string{}
	if err := json.Unmarshal(s.command(devstack, "env", "--json", "--stack", s.name), &environment); err != nil {
		t.Fatal(err)
	}
	bed, err := testbed.Open(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Close() })
	s.Bed = bed
	return s
}

// stand puts up what stands before the services, the link behind what sees the calls, and answers the addresses.
func (s *stack) stand(want settings, ports map[string]int) map[string]string {
	s.t.Helper()
	addresses := map[string]string{}
	upstream := func(service string) string {
		if address, ok := addresses[service]; ok {
			return address
		}
		if service == "redis" {
			return fmt.Sprintf("127.0.0.1:%d", ports["redis"])
		}
		return fmt.Sprintf("127.0.0.1:%d", ports["aws"])
	}
	for _, service := range want.links {
		link, err := faultproxy.NewLink(service, upstream(service))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(link.Close)
		s.links[service], addresses[service] = link, link.Address()
	}
	for _, service := range want.calls {
		calls, err := faultproxy.NewCalls(upstream(service))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = calls.Close() })
		s.calls[service], addresses[service] = calls, calls.Address()
	}
	if want.commands {
		commands, err := faultproxy.NewCommands(upstream("redis"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = commands.Close() })
		s.commands, addresses["redis"] = commands, commands.Address()
	}
	return addresses
}

// command runs devstack and answers what it printed.
func (s *stack) command(devstack string, arguments ...string) []byte {
	s.t.Helper()
	// Also after the test was stopped, to take the stack down.
	command := exec.CommandContext(context.WithoutCancel(s.t.Context()), devstack, arguments...)
	var out, progress bytes.Buffer
	command.Stdout, command.Stderr = &out, &progress
	if err := command.Run(); err != nil {
		s.t.Fatalf("devstack %s: %v\n%s", strings.Join(arguments, " "), err, progress.Bytes())
	}
	return out.Bytes()
}

// stackName is the test's name as a stack's: at most 31 of a-z, 0-9 and -.
func stackName(test string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimPrefix(test, "Test")))
	return "f-" + name[:min(len(name), 29)]
}

// freePorts are different ones: each is held until all are found. One may be taken by somebody else before it is used; then
// the test says so.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// eventually waits until a condition holds, and answers how long it took. An error is the reason why it does not yet.
func eventually(t *testing.T, within time.Duration, condition func() error) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return time.Since(begun)
		}
		if time.Since(begun) > within {
			t.Fatalf("not within %s: %v", within, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
		}
	}
}
