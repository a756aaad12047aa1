package runtimeapi

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is the length at which a line without an end is cut, in bytes: the size of one CloudWatch log event.
const maxLine = 256 << 10

// sharedWriter receives whole lines of all processes of a function.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) line(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A failed log write must not fail the function.
	_, _ = s.w.Write(line)
}

// lineWriter cuts the output of one process into lines. Only one goroutine uses it: exec copies standard output and standard
// error through one pipe if both are the same writer.
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

// flush writes the rest that has no line end yet.
func (l *lineWriter) flush() {
	if len(l.pending) == 0 {
		return
	}
	l.to.line(append(l.pending, '\n'))
	l.pending = nil
}
