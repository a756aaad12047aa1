package runtimeapi

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is where a line without an end is cut, the size of one CloudWatch log event.
const maxLine = 256 << 10

// sharedWriter is where all processes of a function write whole lines.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) line(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A log that cannot be written must not fail the function.
	_, _ = s.w.Write(line)
}

// lineWriter cuts the output of one process into lines. It is used by one goroutine: exec copies standard output and
// standard error through one pipe when both are the same writer.
type lineWriter struct {
	to      *sharedWriter
	pending []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.pending = append(l.pending, p...)
	for {
		end := bytes.IndexByte(l.pending, '\n')
		if end < 0 {
			break
		}
		l.to.line(l.pending[:end+1])
		l.pending = l.pending[end+1:]
	}
	if len(l.pending) > maxLine {
		l.flush()
	}
	return len(p), nil
}

// flush writes what has no end of line yet.
func (l *lineWriter) flush() {
	if len(l.pending) == 0 {
		return
	}
	l.to.line(append(l.pending, '\n'))
	l.pending = nil
}
