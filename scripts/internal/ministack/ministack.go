// Package ministack says how ministack, the emulator of AWS, is started.
package ministack

import (
	"os"
	"path/filepath"
	"strconv"
)

// Server is the program beside ministack that serves it.
const Server = "uvicorn"

// Command is the program and its arguments that serve the ministack of that path on a port of the loopback interface.
//
// ministack serves itself by Hypercorn, which is written in Python. The same application behind uvicorn, with an event loop
// and a parser written in C, needs 27 ms of CPU for an order where Hypercorn needs 38, and its one thread bounds what the
// stack can do. A ministack without uvicorn beside it, as one that was installed by hand, serves itself.
func Command(path string, port int) (program string, args []string) {
	server := filepath.Join(filepath.Dir(path), Server)
	if _, err := os.Stat(server); err != nil {
		return path, nil
	}
	return server, []string{
		"ministack.app:app", "--host", "127.0.0.1", "--port", strconv.Itoa(port), "--loop", "uvloop", "--http", "httptools",
		"--no-access-log", "--no-server-header", "--no-date-header", "--log-level", "warning",
		// As Hypercorn has it: clients keep connections for long, and one that is closed under them costs a call.
		"--timeout-keep-alive", "75",
	}
}

// Variables are what ministack needs in its environment. By default it listens on every interface, and for IoT on a fixed
// port that two of them would fight for.
func Variables(port int, region string) map[string]string {
	return map[string]string{
		"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "GATEWAY_PORT": strconv.Itoa(port), "AWS_DEFAULT_REGION": region,
	}
}
