package faults

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
)

// socketOf returns the name of the calling process's end of a connection; "" if it is closed. It asks the kernel for this one
// connection: the list of all has thousands of lines while many stacks run, and omits some while connections open and close.
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
