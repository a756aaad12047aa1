package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"boxoffice/contracts/secrets"
	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/internal/secretsextension"
)

// extension imitates the Parameters and Secrets extension. On AWS each environment has its own; here one serves all processes and
// tells them apart by their session tokens. A nil extension means that there is none.
type extension struct {
	server *http.Server
	port   string
	// made is the prefix of the tokens that this host generates; "" if the host's own environment has a session token, which all
	// processes then get.
	made string
}

// notReady is how many requests of each process the extension refuses as not ready: on AWS it starts beside the function.
const notReady = 1

// startExtension serves the secrets on a loopback port. With nil secrets it returns nil.
func startExtension(values map[string]string, environ []string, log *slog.Logger) (*extension, error) {
	if values == nil {
		return nil, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the secrets extension: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	e := &extension{port: port}
	given := variable(environ, secrets.SessionVariable)
	valid := func(token string) bool { return token == given }
	if given == "" {
		e.made = rand.Text() + "."
		valid = func(token string) bool { return strings.HasPrefix(token, e.made) }
	}
	e.server = newServer(log, &secretsextension.Extension{Secrets: values, Valid: valid, NotReady: notReady})
	go func() {
		if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the secrets extension ended", telemetry.KeyError, err.Error())
		}
	}()
	return e, nil
}

// environmentOf returns the variables with which one process reaches the extension.
func (e *extension) environmentOf(process string) []string {
	if e == nil {
		return nil
	}
	out := []string{secrets.PortVariable + "=" + e.port}
	if e.made != "" {
		out = append(out, secrets.SessionVariable+"="+e.made+process)
	}
	return out
}

func (e *extension) close() error {
	if e == nil {
		return nil
	}
	return e.server.Close()
}

func variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
