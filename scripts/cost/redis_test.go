package cost

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

// redis starts a proxy to the server that counts round trips, and returns its address.
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

// forward passes commands on until the connection ends. Commands that arrive together count as one round trip, as a pipeline is.
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

// setsUp are the commands that set a connection up, and those by which a cluster client finds its nodes.
var setsUp = []string{"AUTH", "CLIENT", "CLUSTER", "COMMAND", "HELLO", "READONLY"}

func (m *meter) countTrip(commands [][]string) {
	var names []string
	for _, command := range commands {
		names = append(names, strings.ToUpper(command[0]))
	}
	switch {
	case !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(setsUp, n) }):
		m.countTimed("connection")
	case len(commands) == 1 && len(commands[0]) > 1 && slices.Contains([]string{seatstate.PaceKey, seatstate.PaymentLagKey}, commands[0][1]):
		m.countTimed("pace")
	default:
		m.count(onRedis, strings.Join(names, "+"))
	}
}

// readCommand reads one command. Clients send every command as an array of strings.
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
		return 0, fmt.Errorf("%q in place of a length", line)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
