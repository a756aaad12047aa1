package stack

import (
	"fmt"
	"net"
	"strings"
)

// FreePort is an unused port on 127.0.0.1, as the kernel picks it. Somebody else may take it before it is used.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close() //nolint:errcheck // it was never used
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find a free port: address is %T", listener.Addr())
	}
	return address.Port, nil
}

// PortTakenError says that somebody else listens on a port that the stack needs.
type PortTakenError struct {
	Port    int
	Purpose string
	// Flag and Variable choose another port; both empty when the port was picked by the stack itself.
	Flag, Variable string
}

func (e PortTakenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "port %d on 127.0.0.1, wanted for %s, is taken by another program: stop that", e.Port, e.Purpose)
	if e.Flag != "" {
		fmt.Fprintf(&b, ", or choose another port by %s or the variable %s", e.Flag, e.Variable)
	}
	return b.String()
}

// PortFree says whether the port can be listened on.
func PortFree(port int) bool {
	listener, err := net.Listen("tcp", Address(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
