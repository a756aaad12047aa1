package faultproxy_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"boxoffice/scripts/internal/faultproxy"
)

func newCommands(t *testing.T) (*lines, *faultproxy.Commands) {
	t.Helper()
	server := newLines(t)
	commands, err := faultproxy.NewCommands(server.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = commands.Close() })
	return server, commands
}

func TestCommandsForwardEachCommand(t *testing.T) {
	t.Parallel()
	_, commands := newCommands(t)
	c := dial(t, commands.Address())
	got, err := c.ask("unseen", long)
	want(t, got, err, "+1")
	var mu sync.Mutex
	var seen []faultproxy.Command
	commands.Hook(func(c faultproxy.Command, _ func()) bool {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, c)
		return true
	})
	got, err = c.ask("seen", long)
	want(t, got, err, "+2")
	commands.Hook(nil)
	got, err = c.ask("unseen", long)
	want(t, got, err, "+3")
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 1 || string(seen[0].Sent) != "seen\r\n" || !seen[0].Mentions("see") || seen[0].From != c.LocalAddr().String() || seen[0].To != c.RemoteAddr().String() {
		t.Errorf("the hook saw %+v, from %s", seen, c.LocalAddr())
	}
}

func TestACommandThatIsNotForwardedHasNoEffect(t *testing.T) {
	t.Parallel()
	server, commands := newCommands(t)
	commands.Hook(func(faultproxy.Command, func()) bool { return false })
	if got, err := dial(t, commands.Address()).ask("a", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v; want the connection broken", got, err)
	}
	if had := server.had.Load(); had != 0 {
		t.Errorf("the server had %d lines, want none", had)
	}
}

func TestACommandWhoseReplyIsLostHasItsEffect(t *testing.T) {
	t.Parallel()
	server, commands := newCommands(t)
	commands.Hook(func(c faultproxy.Command, forward func()) bool {
		forward()
		if had := server.had.Load(); had != 1 {
			t.Errorf("after it was forwarded the server had %d lines, want 1", had)
		}
		return false
	})
	if got, err := dial(t, commands.Address()).ask("a", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v; want the connection broken", got, err)
	}
}

func TestTheReplyToAForwardedCommandWaitsForTheHook(t *testing.T) {
	t.Parallel()
	_, commands := newCommands(t)
	forwarded, release := make(chan struct{}), make(chan struct{})
	commands.Hook(func(_ faultproxy.Command, forward func()) bool {
		forward()
		forward() // does nothing
		close(forwarded)
		<-release
		return true
	})
	c := dial(t, commands.Address())
	if got, err := c.ask("a", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v before the hook returned", got, err)
	}
	<-forwarded
	close(release)
	got, err := c.hear(long)
	want(t, got, err, "+1")
	commands.Hook(nil)
	got, err = c.ask("b", long)
	want(t, got, err, "+2")
}

func TestCloseBreaksConnections(t *testing.T) {
	t.Parallel()
	_, commands := newCommands(t)
	c := dial(t, commands.Address())
	got, err := c.ask("a", long)
	want(t, got, err, "+1")
	if err := commands.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.hear(long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v; want the connection broken", got, err)
	}
}
