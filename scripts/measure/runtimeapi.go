package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// runtimeAPI is a Lambda Runtime API for one process. It has one event.
type runtimeAPI struct {
	address string
	answers chan answer
	server  *http.Server
}

// answer is the response of a function, or its failure.
type answer struct {
	// asked is when the process asked for work, at is when its response arrived.
	asked, at time.Time
	body      []byte
	failed    bool
}

const requestID = "00000000-0000-4000-8000-000000000000"

// eventTime is the time until the deadline of the event.
const eventTime = time.Minute

func newRuntimeAPI(event []byte) (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the Runtime API: %w", err)
	}
	a := &runtimeAPI{address: listener.Addr().String(), answers: make(chan answer, 1)}
	asked := make(chan time.Time, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		select {
		case asked <- now:
		default:
			<-r.Context().Done() // there is only one event
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", requestID)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(now.Add(eventTime).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:measured")
		// If the process has ended, start reports that there was no response.
		_, _ = w.Write(event)
	})
	take := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			got := answer{at: time.Now(), failed: failed}
			got.body, _ = io.ReadAll(r.Body)
			select {
			case got.asked = <-asked:
				asked <- got.asked
			default: // it failed before it asked for work
			}
			select {
			case a.answers <- got:
			default:
			}
			w.WriteHeader(http.StatusAccepted)
		}
	}
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/"+requestID+"/response", take(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/"+requestID+"/error", take(true))
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", take(true))
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }() // it ends with close
	return a, nil
}

func (a *runtimeAPI) close() error { return a.server.Close() }
