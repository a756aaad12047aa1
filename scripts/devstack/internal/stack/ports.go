package stack

import (
	"fmt"
	"strings"
)

// PortTakenError means that another program listens on a port that the stack needs.
type PortTakenError struct {
	Port    int
	Purpose string
	// Flag and Variable choose another port; both are empty if the stack itself chose the port.
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
