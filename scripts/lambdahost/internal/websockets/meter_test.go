package websockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
)

// frameOf returns a client's frame with a payload of n bytes.
func frameOf(n int) []byte {
	header := []byte{0x81}
	switch {
	case n < 126:
		header = append(header, 0x80|byte(n)) //nolint:gosec // below 126
	case n <= 0xffff:
		header = binary.BigEndian.AppendUint16(append(header, 0x80|126), uint16(n)) //nolint:gosec // checked
	default:
		header = binary.BigEndian.AppendUint64(append(header, 0x80|127), uint64(n)) //nolint:gosec // not negative
	}
	return slices.Concat(header, []byte{1, 2, 3, 4}, bytes.Repeat([]byte{0xff}, n))
}

// taken is a server's connection of which the server has read the beginning.
type taken struct {
	http.ResponseWriter
	conn  net.Conn
	early []byte
}

func (h taken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	reader := bufio.NewReaderSize(bytes.NewReader(h.early), 1<<20)
	if len(h.early) > 0 {
		if _, err := reader.Peek(len(h.early)); err != nil {
			return nil, nil, err
		}
	}
	return h.conn, bufio.NewReadWriter(reader, bufio.NewWriter(io.Discard)), nil
}

// Frames are measured wherever the stream is cut: between what the server had read before the handshake was answered and what comes
// later, and between two reads.
func TestFramesAreMeasuredHoweverTheyArrive(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		large bool
	}{
		{[]int{0, 1, 125, 126, 127, maxFrame, 5, maxFrame}, false}, {[]int{maxFrame + 1}, true}, {[]int{10, maxFrame + 1}, true},
		{[]int{0x10000}, true}, {[]int{maxFrame, 0xffff}, true},
	} {
		var stream []byte
		for _, n := range c.sizes {
			stream = append(stream, frameOf(n)...)
		}
		for _, cut := range []int{0, 1, 2, 3, 5, 7, 9, 15, 17, 140} {
			for _, piece := range []int{61, 4096, len(stream)} {
				cut := min(cut, len(stream))
				client, server := net.Pipe()
				go func() {
					for rest := stream[cut:]; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
						if _, err := client.Write(rest[:min(piece, len(rest))]); err != nil {
							break
						}
					}
					_ = client.Close()
				}()
				w := &meteredWriter{ResponseWriter: taken{conn: server, early: stream[:cut]}}
				conn, _, err := w.Hijack()
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, conn)
				if err != nil || int(n) != len(stream)-cut || w.meter.tooLarge() != c.large {
					t.Errorf("frames of %v cut at %d in pieces of %d: large %t, %d bytes, %v", c.sizes, cut, piece, w.meter.tooLarge(), n, err)
				}
			}
		}
	}
}
