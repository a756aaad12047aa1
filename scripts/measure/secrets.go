package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"boxoffice/contracts/secrets"
	"boxoffice/scripts/internal/secretsextension"
)

// serveSecrets serves the secrets of the stack's functions while lambdahost, which serves them otherwise, is stopped. variable is
// the environment variable with the port. The extension is always ready, so that no start has to wait for it.
func (s *stack) serveSecrets() (variable string, end func() error, err error) {
	values, err := s.functionSecrets()
	if err != nil {
		return "", nil, fmt.Errorf("secrets of the functions: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("secrets of the functions: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", nil, errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           &secretsextension.Extension{Secrets: values, Valid: func(string) bool { return true }},
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = server.Serve(listener) }() // end ends it
	return secrets.PortVariable + "=" + port, server.Close, nil
}

// functionSecrets reads the file of secrets that lambdahost was started with.
func (s *stack) functionSecrets() (map[string]string, error) {
	i := slices.IndexFunc(s.servers, func(p server) bool { return p.Name == lambdahost })
	if i < 0 {
		return nil, fmt.Errorf("the stack has no %s", lambdahost)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.servers[i].PID))
	if err != nil {
		return nil, err
	}
	arguments := strings.Split(string(line), "\x00")
	at := slices.Index(arguments, "--secrets")
	if at < 0 || at+1 == len(arguments) {
		return nil, fmt.Errorf("%s was started without --secrets", lambdahost)
	}
	content, err := os.ReadFile(arguments[at+1])
	if err != nil {
		return nil, err
	}
	var values map[string]string
	if json.Unmarshal(content, &values) != nil {
		return nil, errors.New("the file is no JSON object of strings")
	}
	return values, nil
}
