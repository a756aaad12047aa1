// Package control is the host's endpoint for operators: tools and tests on the same machine. It has no authentication.
//
//	GET  /healthz            200 once every process has asked for work and the gateway listens; else 503 with the missing parts
//	GET  /status             functions with their processes, and sources, as JSON
//	POST /invoke/{function}  invokes a function with the body as its event, as Lambda's Invoke does
//	…    /push/@connections/{connectionId}  the management API of the WebSocket API, if there is one
package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"boxoffice/scripts/lambdahost/internal/runtimeapi"
	"boxoffice/scripts/lambdahost/internal/websockets"
)

// Host is what the endpoint needs of runtimeapi.Host.
type Host interface {
	Invoke(ctx context.Context, function string, invocation runtimeapi.Invocation) ([]byte, error)
	Status() []runtimeapi.FunctionStatus
}

// Options of the endpoint.
type Options struct {
	Host Host
	// Missing returns the names of the parts that are not ready yet.
	Missing func() []string
	// Sources returns the status of every queue, stream and schedule.
	Sources func() []any
	// Connections is the management API of the WebSocket API; nil if there is none.
	Connections http.Handler
}

// New returns the endpoint's handler.
func New(options Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		missing := options.Missing()
		if len(missing) > 0 {
			write(w, http.StatusServiceUnavailable, map[string]any{"status": "starting", "missing": missing})
			return
		}
		write(w, http.StatusOK, map[string]any{"status": "ready"})
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]any{"functions": options.Host.Status(), "sources": options.Sources()})
	})
	mux.HandleFunc("POST /invoke/{function}", func(w http.ResponseWriter, r *http.Request) { invoke(w, r, options.Host) })
	if options.Connections != nil {
		mux.Handle(websockets.Prefix, options.Connections)
	}
	return mux
}

// invoke responds like Lambda's Invoke: if the function fails, with 200, X-Amz-Function-Error and the error document.
func invoke(w http.ResponseWriter, r *http.Request, host Host) {
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, runtimeapi.MaxPayload))
	if err != nil {
		write(w, http.StatusRequestEntityTooLarge, map[string]string{"message": err.Error()})
		return
	}
	response, err := host.Invoke(r.Context(), r.PathValue("function"), runtimeapi.Invocation{Payload: event, Trace: r.Header.Get("X-Amzn-Trace-Id")})
	var failed *runtimeapi.FunctionError
	switch {
	case errors.As(err, &failed):
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		response = failed.Payload
	case errors.Is(err, runtimeapi.ErrUnknownFunction):
		write(w, http.StatusNotFound, map[string]string{"message": err.Error()})
		return
	case errors.Is(err, runtimeapi.ErrThrottled):
		write(w, http.StatusTooManyRequests, map[string]string{"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "message": err.Error()})
		return
	case err != nil:
		write(w, http.StatusServiceUnavailable, map[string]string{"message": err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A failed write means that the client is gone.
	_, _ = w.Write(response)
}

func write(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(document)
}
