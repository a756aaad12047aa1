package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"boxoffice/scripts/internal/freeport"
)

func TestPortsAreDifferentAndFree(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port, err := freeport.Find()
		if err != nil {
			t.Fatal(err)
		}
		if port < 1024 || port > 32767 || seen[port] {
			t.Fatalf("port %d, after %v", port, seen)
		}
		seen[port] = true
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		if freeport.Free(port) {
			t.Errorf("port %d is reported free while a server listens on it", port)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if !freeport.Free(port) {
			t.Errorf("port %d is reported taken while no server listens on it", port)
		}
	}
}
