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
	// hold is the length of a hold, in seconds; timeout is that of functions that read a queue. 0: 5 and 4, which bears a
	// machine that has other things to do: a handler that runs out of time three times makes its message poison.
	hold, timeout int
	// comesBack is how long the messages of a process that was killed stay away, more than timeout. 0: three times as
	// long, so that tests wait less than in production, where it is six times.
	comesBack time.Duration
	// links are the services between which and the functions there is a link that can be cut: redis, dynamodb, streams,
	// sqs, events, stripe. calls are those, but Redis, whose calls are seen; commands are Redis's.
	links, calls []string
	commands     bool
	// callers, if set, hear whose each connection to those calls and commands is, from the stack's start on.
	callers *callers
	// busy says that the stack is under load: it takes two shares of the machine.
	busy bool
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

// newStack brings a stack up, with what stands before its services. After a test that has passed, and has mended what it
// broke, the stack is held to its end (ended) and then taken down.
func newStack(t *testing.T, want settings) *stack {
	t.Helper()
	devstack := os.Getenv("DEVSTACK")
	if devstack == "" {
		t.Skip("no devstack in the environment (DEVSTACK is not set): run make faults")
	}
	begun := time.Now()
	giveBack := share(t, want.busy)
	shared := time.Now()
	if want.hold == 0 {
		want.hold = 5
	}
	if want.timeout == 0 {
		want.timeout = 4
	}
	if want.comesBack == 0 {
		want.comesBack = time.Duration(3*want.timeout) * time.Second
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
	s.comesBackAfter(want.comesBack, handled...)
	s.loaded()
	up := time.Now()
	t.Cleanup(func() {
		done := time.Now()
		// It only waits from here on.
		giveBack()
		if !t.Failed() {
			s.ended()
		}
		t.Logf("%.0f s until there was room on the machine, %.0f s to bring the stack up, %.0f s the test, %.0f s until every order had ended",
			shared.Sub(begun).Seconds(), up.Sub(shared).Seconds(), done.Sub(up).Seconds(), time.Since(done).Seconds())
	})
	return s
}

// endsAfterHold is how long after the end of the last hold an order may still be open: expire is due after 10 s, reconcile
// looks after those of which expire has not heard once they are 15 s late, each minute, and its message is handled then.
const endsAfterHold = 15*time.Second + time.Minute + decideWithin

// ended waits, at the end of every test, until nothing is left to do: no order is open, no PaymentIntent of an order that ended
// can be paid, and no letter is kept of an order that needs it. An order that the test's fault has left open for good would
// otherwise pass: between the end of its hold and the bound of the promise nothing looks at it.
func (s *stack) ended() {
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

// joined are violations as one error, the first ten of them.
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

// handled are the queues that functions read.
var handled = []string{"orders", "expiries", "payments", "authorizations"}

// comesBackAfter sets the visibility of messages of queues.
func (s *stack) comesBackAfter(d time.Duration, queues ...string) {
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

// loaded waits until every group that the seed asks for is in Redis: what is late afterwards is late by the fault.
func (s *stack) loaded() {
	s.t.Helper()
	eventually(s.t, decideWithin, func() error {
		if err := s.empty("orders"); err != nil {
			return err
		}
		return s.against("places")
	})
}

// empty says what a queue still has, as an error.
func (s *stack) empty(queue string) error {
	n, err := s.Waiting(s.t.Context(), queue)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d messages in %s", n, queue)
	}
	return err
}

// stand puts up what stands before the services, the link behind what sees the calls, and answers the addresses.
func (s *stack) stand(want settings, ports map[string]int) map[string]string {
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

// long says whether the tests are to run in their long forms.
func long() bool { return os.Getenv("FAULTS") == "long" }

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

// eventually waits until a condition holds, and answers how long it took. An error is the reason why it does not yet.
func eventually(t *testing.T, within time.Duration, condition func() error) time.Duration {
	t.Helper()
	took, err := wait(t.Context(), within, condition)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// wait is eventually for a caller whose test may have ended.
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
