// Package ministack has the command that starts ministack, the emulator of AWS.
package ministack

import (
	"os"
	"path/filepath"
	"strconv"
)

// Server is the program that serves ministack, in the same folder.
const Server = "uvicorn"

// Command returns the program and arguments that serve the ministack at path on a port of the loopback interface.
//
// By itself, ministack uses Hypercorn, which is written in Python and takes 38 ms of CPU for an order. uvicorn, with an event
// loop and a parser written in C, takes 27 ms. That matters because ministack's one thread limits the rate of the stack. A
// ministack without uvicorn in its folder, as one that was installed by hand, serves itself.
func Command(path string, port int) (program string, args []string) {
	server := filepath.Join(filepath.Dir(path), Server)
	if _, err := os.Stat(server); err != nil {
		return path, nil
	}
	return server, []string{
		"ministack.app:app", "--host", "127.0.0.1", "--port", strconv.Itoa(port), "--loop", "uvloop", "--http", "httptools",
		"--no-access-log", "--no-server-header", "--no-date-header", "--log-level", "warning",
		// As in Hypercorn. Clients keep connections for long, and a call on a connection that the server closes fails.
		"--timeout-keep-alive", "75",
	}
}

// Variables returns the environment variables that ministack needs. By default it listens on every interface, and for IoT on a
// fixed port, which only one ministack could have.
func Variables(port int, region string) map[string]string {
	return map[string]string{
		"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "GATEWAY_PORT": strconv.Itoa(port), "AWS_DEFAULT_REGION": region,
	}
}
