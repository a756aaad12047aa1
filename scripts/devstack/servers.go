package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/scripts/devstack/internal/process"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/freeport"
)

// server is a process of the stack and the check that it is ready.
type server struct {
	spec process.Spec
	// ports are the errors to return if another program has one of the server's ports.
	ports []stack.PortTakenError
	// fingerprint of what the server is started with. When it differs, the server must be restarted.
	fingerprint string
	// ready asks the server once. An error is the reason why it is not ready yet.
	ready   func(ctx context.Context) error
	timeout time.Duration
	// grace bounds how long the server may take to end by itself.
	grace time.Duration
}

// started is a server that runs and may not be ready yet.
type started struct {
	server
	record process.Record
	// ended receives the end of the process; nil if it was running before.
	ended <-chan error
}

// start makes sure that the server runs with its fingerprint: it restarts a process that has another one.
func (a *app) start(ctx context.Context, f stack.Folder, s server) (started, error) {
	name := s.spec.Name
	record, found, err := process.Read(f.Process(name))
	if err != nil {
		return started{}, err
	}
	if found && record.Alive() {
		if record.Fingerprint == s.fingerprint {
			return started{server: s, record: record}, nil
		}
		a.progress("%s: its programs or settings have changed, stopping it", name)
		if err := record.Stop(ctx, s.grace); err != nil {
			return started{}, err
		}
	}
	if err := awaitPorts(ctx, f, name, s.ports); err != nil {
		return started{}, err
	}
	running, err := process.Start(s.spec)
	if err != nil {
		return started{}, err
	}
	running.Fingerprint = s.fingerprint
	if err := running.Save(f.Process(name)); err != nil {
		// No command would find the process again.
		_ = running.Stop(ctx, 0)
		return started{}, err
	}
	a.progress("%s: started, process %d", name, running.PID)
	return started{server: s, record: running.Record, ended: running.Ended()}, nil
}

// portGrace bounds how long the ports of an ended process may stay taken: the kernel closes them only when its last thread is
// gone, a little after the process counts as ended.
const portGrace = 3 * time.Second

// awaitPorts returns an error for each port that another program has.
func awaitPorts(ctx context.Context, f stack.Folder, name string, ports []stack.PortTakenError) error {
	limit := time.Duration(0)
	if _, found, err := process.Read(f.Process(name)); err == nil && found {
		limit = portGrace
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		var taken []error
		for _, port := range ports {
			if !freeport.Free(port.Port) {
				taken = append(taken, port)
			}
		}
		if len(taken) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(taken...)
		case <-poll.C:
		}
	}
}

const readyPoll = 50 * time.Millisecond

// await returns when the server is ready.
func (s started) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		reason := s.ready(ctx)
		if reason == nil {
			return nil
		}
		select {
		case err := <-s.ended:
			if err == nil {
				err = errors.New("without an error")
			}
			return fmt.Errorf("%s ended while starting: %w. The end of %s:\n%s", s.record.Name, err, s.record.LogPath, logTail(s.record.LogPath))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w. The end of %s:\n%s", s.record.Name, reason, s.record.LogPath, logTail(s.record.LogPath))
		case <-poll.C:
		}
	}
}

const logTailBytes = 1500

func logTail(path string) []byte {
	content, err := os.ReadFile(path) //nolint:gosec // a log of the stack
	if err != nil {
		return []byte(err.Error())
	}
	content = bytes.TrimSpace(content)
	return content[max(0, len(content)-logTailBytes):]
}

// fingerprint returns the hash of values that can be printed.
func fingerprint(parts ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", fmt.Sprint(parts...)))
	return hex.EncodeToString(sum[:])
}

// healthClient has a short timeout, since health checks are repeated.
var healthClient = &http.Client{Timeout: 2 * time.Second}

// get returns the body of a response 200 of the stack. Any other response is an error with the beginning of its body.
func get(ctx context.Context, url string) ([]byte, error) {
	const limit = 8 << 20
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := healthClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, limit))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s returned %d: %.300s", url, response.StatusCode, strings.TrimSpace(string(body)))
	}
	return body, nil
}

func healthyAt(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := get(ctx, url)
		return err
	}
}

func redisReady(client *redis.Client, ready func(context.Context, *redis.Client) (bool, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		ok, err := ready(ctx, client)
		if err == nil && !ok {
			err = fmt.Errorf("the cluster's state is not ok yet")
		}
		return err
	}
}

// inherited are the only variables that a server gets from the user's environment.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG"}

func (u *ascent) newServer(name, path string, args []string, variables map[string]string) server {
	environment := environmentOf(u.environment, variables)
	return server{
		spec: process.Spec{
			Name: name, Path: path, Args: args, Env: environment, Dir: u.folder.Path(),
			LogPath: filepath.Join(u.folder.Logs(), name+".log"),
		},
		// The user's own variables are not part of it: a server is not restarted because up runs in another shell.
		fingerprint: fingerprint(args, variables),
		timeout:     startTimeout,
	}
}

func environmentOf(user []string, variables map[string]string) []string {
	var out []string
	for _, variable := range user {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(inherited, name) {
			out = append(out, variable)
		}
	}
	for name, value := range variables {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}
