package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"boxoffice/contracts/telemetry"
)

// maxErrorDocument bounds the error document of a function, in bytes.
const maxErrorDocument = 256 << 10

// routes serves the Lambda Runtime API to each process: the first path element is the process's id.
func (h *Host) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{process}/2018-06-01/runtime/invocation/next", h.withProcess(h.serveNext))
	mux.HandleFunc("POST /{process}/2018-06-01/runtime/invocation/{id}/response", h.withProcess(h.serveResponse))
	mux.HandleFunc("POST /{process}/2018-06-01/runtime/invocation/{id}/error", h.withProcess(h.serveError))
	mux.HandleFunc("POST /{process}/2018-06-01/runtime/init/error", h.withProcess(h.serveInitError))
	return mux
}

type processHandler func(http.ResponseWriter, *http.Request, *function, *process)

func (h *Host) withProcess(handle processHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		p, ok := h.processes[r.PathValue("process")]
		h.mu.Unlock()
		if !ok {
			refuse(w, http.StatusForbidden, "InvalidStateTransition", "this process has ended")
			return
		}
		handle(w, r, p.slot.function, p)
	}
}

// serveNext ends the process's current invocation, if any, and waits for the next one.
func (h *Host) serveNext(w http.ResponseWriter, r *http.Request, f *function, p *process) {
	// The process can send this request before the call that started it has returned.
	<-p.started
	f.mu.Lock()
	if p.waiting || p.ended {
		f.mu.Unlock()
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "this process is already waiting, or has ended")
		return
	}
	if c := p.call; c != nil {
		// A runtime that asks for the next invocation without a response has lost the current one.
		if c.complete(nil, newFunctionError("Runtime.InvalidResponse", "the runtime sent no response")) {
			f.counts.errors++
		}
		f.release(p)
	}
	p.waiting = true
	p.slot.everReady = true
	f.idle = append(f.idle, p)
	f.match(h.options.Now)
	f.mu.Unlock()

	select {
	case c, ok := <-p.next:
		if ok {
			h.sendCall(w, f, p, c)
		}
	case <-r.Context().Done():
		// The process has ended or is ending. If it got a call in the meantime, processEnded fails that call.
		f.mu.Lock()
		f.forget(p)
		p.waiting = false
		f.mu.Unlock()
	}
}

func (h *Host) sendCall(w http.ResponseWriter, f *function, p *process, c *call) {
	f.mu.Lock()
	deadline := p.deadline
	f.mu.Unlock()
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Lambda-Runtime-Aws-Request-Id", c.id)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", f.ARN)
	header.Set("Lambda-Runtime-Trace-Id", c.trace)
	header.Set("Content-Length", strconv.Itoa(len(c.payload)))
	// If this fails, the process has ended, and processEnded completes the call.
	_, _ = w.Write(c.payload)
}

func (h *Host) serveResponse(w http.ResponseWriter, r *http.Request, f *function, p *process) {
	payload, err := readAtMost(r.Body, MaxPayload)
	if errors.Is(err, errTooLong) {
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload)
		f.completeCall(p, r.PathValue("id"), nil, newFunctionError(TypeResponseTooLarge, message))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", message)
		return
	}
	if err != nil {
		// A partial response does not count: the process's end or deadline completes the call.
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the response could not be read")
		return
	}
	// A streaming handler reports a failure after the first bytes in the trailers.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		f.finish(w, p, r.PathValue("id"), nil, newFunctionError(kind, "the response failed after it had begun"))
		return
	}
	f.finish(w, p, r.PathValue("id"), payload, nil)
}

func (h *Host) serveError(w http.ResponseWriter, r *http.Request, f *function, p *process) {
	f.finish(w, p, r.PathValue("id"), nil, readFunctionError(r))
}

func (h *Host) serveInitError(w http.ResponseWriter, r *http.Request, f *function, p *process) {
	failed := readFunctionError(r)
	h.options.Logger.Error("a function process could not initialize", telemetry.KeyFunction, f.Name, telemetry.KeyError, failed.Error())
	f.mu.Lock()
	p.initError = failed.Error()
	f.mu.Unlock()
	accept(w)
}

// completeCall completes the process's current call. It returns false if the id is not that call's.
func (f *function) completeCall(p *process, id string, payload []byte, failure *FunctionError) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.call == nil || p.call.id != id || p.call.completed {
		return false
	}
	if failure == nil {
		return p.call.complete(payload, nil)
	}
	f.counts.errors++
	return p.call.complete(nil, failure)
}

func (f *function) finish(w http.ResponseWriter, p *process, id string, payload []byte, failure *FunctionError) {
	if !f.completeCall(p, id, payload, failure) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "this process has no such open invocation")
		return
	}
	accept(w)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}

func readFunctionError(r *http.Request) *FunctionError {
	payload, err := readAtMost(r.Body, maxErrorDocument)
	if err != nil {
		return newFunctionError("Runtime.InvalidError", "the error could not be read")
	}
	var document struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(payload, &document); err != nil {
		return newFunctionError("Runtime.InvalidError", "the error is not JSON")
	}
	return &FunctionError{Type: document.Type, Message: document.Message, Payload: payload}
}

var errTooLong = errors.New("too long")

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, errTooLong
	}
	return content, nil
}
