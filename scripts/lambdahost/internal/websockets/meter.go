package websockets

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
)

// The library shows messages, not frames, and API Gateway has a limit for each frame. So a meter reads along and notes a frame that
// is too large.

// meteredWriter gives the library a connection with a meter.
type meteredWriter struct {
	http.ResponseWriter
	meter *meter
}

// Hijack implements http.Hijacker.
func (w *meteredWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := w.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("the server's connection cannot be taken over")
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.meter = &meter{Conn: conn}
	// A client may send as soon as its handshake is answered: the server may have read the beginning already.
	early, err := buffered.Reader.Peek(buffered.Reader.Buffered())
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	w.meter.see(early)
	return w.meter, buffered, nil
}

// meter reads the headers of the frames that pass through a connection. Only one goroutine reads.
type meter struct {
	net.Conn
	header [14]byte
	have   int
	// skip is how much of the payload is still to come.
	skip  uint64
	large atomic.Bool
}

func (m *meter) tooLarge() bool { return m.large.Load() }

// Read implements net.Conn.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.see(p[:n])
	return n, err
}

func (m *meter) see(b []byte) {
	for len(b) > 0 {
		if m.skip > 0 {
			k := min(m.skip, uint64(len(b)))
			m.skip, b = m.skip-k, b[k:]
			continue
		}
		m.header[m.have], b = b[0], b[1:]
		m.have++
		if length, whole := frameLength(m.header[:m.have]); whole {
			if length > maxFrame {
				m.large.Store(true)
			}
			m.skip, m.have = length, 0
		}
	}
}

// frameLength returns the length of the payload that follows a frame's header (RFC 6455, 5.2). whole is false if the header has more
// bytes.
func frameLength(header []byte) (length uint64, whole bool) {
	if len(header) < 2 {
		return 0, false
	}
	extended := 0
	switch length = uint64(header[1] & 0x7f); length {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	masked := 0
	if header[1]&0x80 != 0 {
		masked = 4
	}
	if len(header) < 2+extended+masked {
		return 0, false
	}
	switch extended {
	case 2:
		length = uint64(binary.BigEndian.Uint16(header[2:]))
	case 8:
		length = binary.BigEndian.Uint64(header[2:])
	}
	return length, true
}
