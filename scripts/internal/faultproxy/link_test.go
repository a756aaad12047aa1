package faultproxy_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"boxoffice/scripts/internal/faultproxy"
)

func newLink(t *testing.T) (*lines, *faultproxy.Link) {
	t.Helper()
	server := newLines(t)
	link, err := faultproxy.NewLink(t.Name(), server.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return server, link
}

func TestACutLinkRefusesConnectionsUntilMend(t *testing.T) {
	t.Parallel()
	server, link := newLink(t)
	address := link.Address()
	c := dial(t, address)
	got, err := c.ask("a", long)
	want(t, got, err, "+1")

	link.Cut()
	if got, err := c.ask("b", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection of before the cut: heard %q, %v; want it broken", got, err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("a new connection was taken")
	}
	if had := server.had.Load(); had != 1 {
		t.Errorf("the server had %d lines, want 1", had)
	}

	if err := link.Mend(); err != nil {
		t.Fatal(err)
	}
	if link.Address() != address {
		t.Errorf("the link moved from %s to %s", address, link.Address())
	}
	got, err = dial(t, address).ask("c", long)
	want(t, got, err, "+2")
}

func TestSwallowDropsOnlyReplies(t *testing.T) {
	t.Parallel()
	server, link := newLink(t)
	c := dial(t, link.Address())
	if err := link.Swallow(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ask("a", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v; want nothing", got, err)
	}
	server.reaches(t, 1)
	if err := link.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := dial(t, link.Address()).ask("b", long)
	want(t, got, err, "+2")
}

func TestSlowDelaysReplies(t *testing.T) {
	t.Parallel()
	_, link := newLink(t)
	if err := link.Slow(2 * short); err != nil {
		t.Fatal(err)
	}
	c, begun := dial(t, link.Address()), time.Now()
	got, err := c.ask("a", long)
	want(t, got, err, "+1")
	if took := time.Since(begun); took < 2*short {
		t.Errorf("the reply came after %s", took)
	}
	if err := link.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err = c.ask("b", long)
	want(t, got, err, "+2")
}
