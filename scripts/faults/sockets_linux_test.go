package faults

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
)

// socketOf is the name that a process has of its end of a connection; "" if it has closed it. The kernel is asked for this one
// connection: its list of all has thousands of lines while many stacks run, and leaves some out while others come and go.
func socketOf(from, to string) (string, error) {
	caller, err := netip.ParseAddrPort(from)
	if err != nil {
		return "", err
	}
	called, err := netip.ParseAddrPort(to)
	if err != nil {
		return "", err
	}
	socket, err := netlink.SocketGet(net.TCPAddrFromAddrPort(caller), net.TCPAddrFromAddrPort(called))
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && socket.INode == 0:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("connection from %s to %s: %w", from, to, err)
	}
	return fmt.Sprintf("socket:[%d]", socket.INode), nil
}
