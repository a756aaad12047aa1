package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/freeport"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// settings of a test's stack.
type settings struct {
	// hold is the length of a hold in seconds, 0 means 5; timeout is that of functions that read a queue, 0 means 4. These bear a
	// busy machine: a handler that exceeds its timeout three times makes its message poison.
	hold, timeout int
	// visibility is the visibility timeout of messages, more than timeout. 0 means three times the timeout, so that tests wait
	// less than in production, where it is six times.
	visibility time.Duration
	// links are the services with a link that can be cut between them and the functions: redis, dynamodb, streams, sqs, events,
	// stripe. calls are the services, except Redis, whose calls are visible; commands makes those of Redis visible.
	links, calls []string
	commands     bool
	// callers, if set, learns the process of each connection of these calls and commands, from the stack's start on.
	callers *callers
	// busy means that the stack is under load: it takes two shares of the machine.
	busy bool
}

// stack is the test's own running stack.
type stack struct {
	*testbed.Bed
	t        *testing.T
	name     string
	links    map[string]*faultproxy.Link
	calls    map[string]*faultproxy.Calls
	commands *faultproxy.Commands
}

// decideWithin bounds how long an order may wait for its decision after the fault: a killed process's messages are redelivered
// after the visibility timeout, and a message that fails often waits up to 30 s between tries.
const decideWithin = 60 * time.Second

// newStack starts a stack, with proxies in front of its services. After a test that passed, and has repaired its fault, waitEnded
// checks the stack, which is then stopped.
func newStack(t *testing.T, want settings) *stack {
	t.Helper()
	devstack := os.Getenv("DEVSTACK")
	if devstack == "" {
		t.Skip("no devstack in the environment (DEVSTACK is not set): run make faults")
	}
	begun := time.Now()
	giveBack := takeShares(t, want.busy)
	shared := time.Now()
	if want.hold == 0 {
		want.hold = 5
	}
	if want.timeout == 0 {
		want.timeout = 4
	}
	if want.visibility == 0 {
		want.visibility = time.Duration(3*want.timeout) * time.Second
	}
	s := &stack{t: t, name: stackName(t.Name()), links: map[string]*faultproxy.Link{}, calls: map[string]*faultproxy.Calls{}}
	ports := map[string]int{"redis": 0, "aws": 0, "stripe": 0}
	for server := range ports {
		var err error
		if ports[server], err = freeport.Find(); err != nil {
			t.Fatal(err)
		}
	}
	arguments := []string{
		"up", "--stack", s.name, "--main-concerts", "--hold-seconds", fmt.Sprint(want.hold), "--handler-timeout", fmt.Sprint(want.timeout),
		"--aws-port", fmt.Sprint(ports["aws"]), "--redis-port", fmt.Sprint(ports["redis"]), "--stripe-port", fmt.Sprint(ports["stripe"]),
	}
	for service, address := range s.startProxies(want, ports) {
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
	s.setVisibility(want.visibility, functionQueues...)
	s.waitLoaded()
	up := time.Now()
	t.Cleanup(func() {
		done := time.Now()
		// From here on the test only waits.
		giveBack()
		if !t.Failed() {
			s.waitEnded()
		}
		t.Logf("%.0f s waiting for shares of the machine, %.0f s to start the stack, %.0f s for the test, %.0f s until every order had ended",
			shared.Sub(begun).Seconds(), up.Sub(shared).Seconds(), done.Sub(up).Seconds(), time.Since(done).Seconds())
	})
	return s
}

// endsAfterHold bounds how long after the end of the last hold an order may still be open: expire is due after 10 s, reconcile
// runs each minute and finds ends that are 15 s late, and its message is handled after that.
const endsAfterHold = 15*time.Second + time.Minute + decideWithin

// waitEnded waits, at the end of every test, until nothing is left to do: no order is open, no PaymentIntent of an ended order
// can be paid, and no letter is kept of an order that needs it. Without it an order that the fault left open for good would pass:
// no other check covers the time between the end of its hold and the promised bound.
func (s *stack) waitEnded() {
	// The test's own context has ended.
	ctx := context.WithoutCancel(s.t.Context())
	if _, err := wait(ctx, s.HoldFor+endsAfterHold, func() error {
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			return err
		}
		return joined(invariants.Ended(snapshot))
	}); err != nil {
		s.t.Errorf("at the end of the test: %v", err)
	}
}

// joined returns violations as one error, at most ten of them.
func joined(violations []invariants.Violation) error {
	var problems []error
	for _, v := range violations {
		if len(problems) == 10 {
			problems = append(problems, fmt.Errorf("and %d more", len(violations)-10))
			break
		}
		problems = append(problems, errors.New(v.String()))
	}
	return errors.Join(problems...)
}

// functionQueues are the queues that functions read.
var functionQueues = []string{"orders", "expiries", "payments", "authorizations"}

// setVisibility sets the visibility timeout of queues.
func (s *stack) setVisibility(d time.Duration, queues ...string) {
	s.t.Helper()
	for _, queue := range queues {
		if _, err := s.Queues.SetQueueAttributes(s.t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl:   aws.String(s.Queue(queue)),
			Attributes: map[string]string{string(types.QueueAttributeNameVisibilityTimeout): fmt.Sprint(int(d.Seconds()))},
		}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// waitLoaded waits until every group that the seed requests is in Redis, so that later delays come from the fault.
func (s *stack) waitLoaded() {
	s.t.Helper()
	eventually(s.t, decideWithin, func() error {
		if err := s.checkEmpty("orders"); err != nil {
			return err
		}
		return s.checkRule("places")
	})
}

// checkEmpty returns an error if a queue has messages.
func (s *stack) checkEmpty(queue string) error {
	n, err := s.Waiting(s.t.Context(), queue)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d messages in %s", n, queue)
	}
	return err
}

// startProxies starts the proxies in front of the services, the link behind the one that shows calls, and returns their addresses.
func (s *stack) startProxies(want settings, ports map[string]int) map[string]string {
	s.t.Helper()
	addresses := map[string]string{}
	upstream := func(service string) string {
		if address, ok := addresses[service]; ok {
			return address
		}
		port, own := ports[service]
		if !own {
			port = ports["aws"]
		}
		return fmt.Sprintf("127.0.0.1:%d", port)
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
		if want.callers != nil {
			calls.Dialled(want.callers.dialled)
		}
		s.calls[service], addresses[service] = calls, calls.Address()
	}
	if want.commands {
		commands, err := faultproxy.NewCommands(upstream("redis"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = commands.Close() })
		if want.callers != nil {
			commands.Dialled(func(from, to string) {
				want.callers.dialled(from, to)
				want.callers.add(from, "dial")
			})
		}
		s.commands, addresses["redis"] = commands, commands.Address()
	}
	return addresses
}

// command runs devstack and returns what it printed.
func (s *stack) command(devstack string, arguments ...string) []byte {
	s.t.Helper()
	// Without the test's context, because it also stops the stack after the test has ended.
	command := exec.CommandContext(context.WithoutCancel(s.t.Context()), devstack, arguments...)
	var out, progress bytes.Buffer
	command.Stdout, command.Stderr = &out, &progress
	if err := command.Run(); err != nil {
		s.t.Fatalf("devstack %s: %v\n%s", strings.Join(arguments, " "), err, progress.Bytes())
	}
	return out.Bytes()
}

// long reports whether the tests run in their long forms.
func long() bool { return os.Getenv("FAULTS") == "long" }

// stackName makes the test's name a valid stack name: at most 31 of a-z, 0-9 and -.
func stackName(test string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimPrefix(test, "Test")))
	return "f-" + name[:min(len(name), 29)]
}

// eventually waits until a condition holds, and returns how long it took. The condition's error says why it does not hold yet.
func eventually(t *testing.T, within time.Duration, condition func() error) time.Duration {
	t.Helper()
	took, err := wait(t.Context(), within, condition)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// wait is eventually for callers whose test may have ended.
func wait(ctx context.Context, within time.Duration, condition func() error) (time.Duration, error) {
	begun := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return time.Since(begun), nil
		}
		if time.Since(begun) > within {
			return 0, fmt.Errorf("not within %s: %w", within, err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}
