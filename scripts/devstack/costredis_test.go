package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"boxoffice/contracts/seatstate"
)

// redis is the address of a proxy to the server that counts the round trips that go through.
func (m *meter) redis(t *testing.T, target string) string {
	t.Helper()
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				t.Errorf("counting proxy: %v", err)
				return
			}
			go func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			}()
			go func() {
				m.forward(client, server)
				_ = server.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// forward passes on what came together in one piece, so that a pipeline is one round trip. It ends with the connection.
func (m *meter) forward(client io.Reader, server io.Writer) {
	in := bufio.NewReaderSize(client, 1<<20)
	for {
		var commands [][]string
		for len(commands) == 0 || in.Buffered() > 0 {
			command, err := readCommand(in)
			if err != nil {
				return
			}
			commands = append(commands, command)
		}
		m.countTrip(commands)
		var out bytes.Buffer
		for _, command := range commands {
			fmt.Fprintf(&out, "*%d\r\n", len(command))
			for _, word := range command {
				fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(word), word)
			}
		}
		if _, err := server.Write(out.Bytes()); err != nil {
			return
		}
	}
}

// setsUp are commands of a connection and of a cluster client that looks for its nodes.
var setsUp = []string{"AUTH", "CLIENT", "CLUSTER", "COMMAND", "HELLO", "READONLY"}

func (m *meter) countTrip(commands [][]string) {
	var names []string
	for _, command := range commands {
		names = append(names, strings.ToUpper(command[0]))
	}
	switch {
	case !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(setsUp, n) }):
		m.countClocked("connection")
	case len(commands) == 1 && len(commands[0]) > 1 && slices.Contains([]string{seatstate.PaceKey, seatstate.PaymentLagKey}, commands[0][1]):
		m.countClocked("pace")
	default:
		m.count(onRedis, strings.Join(names, "+"))
	}
}

// readCommand reads one command in the one form in which clients send them: an array of strings.
func readCommand(in *bufio.Reader) ([]string, error) {
	n, err := readLength(in, '*')
	if err != nil {
		return nil, err
	}
	command := make([]string, n)
	for i := range command {
		length, err := readLength(in, '$')
		if err != nil {
			return nil, err
		}
		word := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		command[i] = string(word[:length])
	}
	return command, nil
}

func readLength(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("%q where a length was to be", line)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
