package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/lambdahost/internal/control"
	"boxoffice/scripts/lambdahost/internal/edge"
	"boxoffice/scripts/lambdahost/internal/gateway"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
	"boxoffice/scripts/lambdahost/internal/websockets"
)

// host holds everything that runs: listeners, processes, sources.
type host struct {
	config  config
	log     *slog.Logger
	runtime *runtimeapi.Host
	sources []source

	gatewayListener net.Listener
	edgeListener    net.Listener
	controlListener net.Listener
	gateway         *http.Server
	edge            *http.Server
	control         *http.Server
	files           []*gateway.Files
	// sockets is nil if no function has the routes of a WebSocket API.
	sockets   *websockets.API
	listening atomic.Bool

	extension *extension
}

// start opens the addresses, starts the processes and finds the sources. It accepts no request and polls nothing yet. If a step
// fails, it closes what it opened before.
func start(ctx context.Context, c config, environ []string, log *slog.Logger, output io.Writer) (_ *host, err error) {
	cfg, err := awsclient.Load(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, cli.Misuse(errors.New("no AWS region: set AWS_REGION"))
	}
	h := &host{config: c, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.abandon())
		}
	}()
	if err := h.listen(); err != nil {
		return nil, err
	}
	account := accountOf(environ)
	for i := range c.functions {
		c.functions[i].ARN = fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", cfg.Region, account, c.functions[i].Name)
	}
	if h.extension, err = startExtension(c.secrets, environ, log); err != nil {
		return nil, err
	}
	h.runtime, err = runtimeapi.Start(c.functions, runtimeapi.Options{
		Logger: log, Environment: childEnvironment(environ, cfg.Region), EnvironmentOf: h.extension.environmentOf, LogDirectory: c.LogDir, Output: output,
		CPUShare: c.CPUShare,
	})
	if err != nil {
		return nil, err
	}
	if h.sources, err = newSources(ctx, c, cfg, account, h.runtime, log); err != nil {
		return nil, err
	}
	if err := h.newGateway(account); err != nil {
		return nil, err
	}
	options := control.Options{Host: h.runtime, Missing: h.missing, Sources: h.sourceStatus}
	if h.sockets != nil {
		options.Connections = h.sockets.Management()
	}
	h.control = newServer(log, control.New(options))
	return h, nil
}

// listen opens the addresses first, so that a port in use is reported before any process starts.
func (h *host) listen() error {
	var err error
	if h.gatewayListener, err = net.Listen("tcp", h.config.Listen); err != nil {
		return fmt.Errorf("open the gateway: %w", err)
	}
	if h.config.Edge != "" {
		if h.edgeListener, err = net.Listen("tcp", h.config.Edge); err != nil {
			return fmt.Errorf("open the edge: %w", err)
		}
	}
	if h.config.Control == "" {
		return nil
	}
	if h.controlListener, err = net.Listen("tcp", h.config.Control); err != nil {
		return fmt.Errorf("open the control endpoint: %w", err)
	}
	return nil
}

func (h *host) newGateway(account string) error {
	c := h.config
	issuer := c.Issuer
	if issuer == "" {
		issuer = "http://" + h.siteAddress() + "/api"
	}
	options := gateway.Options{
		Invoke: h.runtime.Invoke, Authorizer: gateway.NewAuthorizer(issuer, c.Audience, time.Now),
		AccountID: account, Logger: h.log, Now: time.Now, Random: rand.Reader,
	}
	for _, f := range c.topology.Functions {
		for _, r := range f.Routes {
			options.Routes = append(options.Routes, gateway.Route{Key: r.Route, Function: f.Name, JWT: r.Auth != topology.AuthNone, Scopes: r.Scopes})
		}
	}
	if c.ThrottleRate > 0 {
		options.Throttle = gateway.NewThrottle(c.ThrottleRate, c.throttleBurst)
	}
	for prefix, directory := range c.files {
		files, err := gateway.OpenFiles(prefix, directory)
		if err != nil {
			return cli.Misuse(err)
		}
		h.files = append(h.files, files)
	}
	if c.Site != "" {
		site, err := gateway.OpenSite(c.Site)
		if err != nil {
			return cli.Misuse(err)
		}
		h.files = append(h.files, site)
	}
	options.Files = h.files
	handler, err := gateway.New(options)
	if err != nil {
		return cli.Misuse(err)
	}
	whole := h.withSockets(handler)
	h.gateway = newServer(h.log, whole)
	return h.newEdge(whole)
}

// withSockets adds the WebSocket API at its path, if a function has its routes.
func (h *host) withSockets(others http.Handler) http.Handler {
	for _, f := range h.config.topology.Functions {
		if len(f.WebSocket) > 0 {
			h.sockets = websockets.New(websockets.Options{
				Function: f.Name, Invoke: h.runtime.Invoke, Idle: h.config.WebSocketIdle, Life: h.config.WebSocketLife,
				Logger: h.log, Now: time.Now, Random: rand.Reader,
			})
		}
	}
	if h.sockets == nil {
		return others
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == websockets.Path {
			h.sockets.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// newEdge does nothing if no edge is configured.
func (h *host) newEdge(behind http.Handler) error {
	if h.edgeListener == nil {
		return nil
	}
	handler, err := edge.New(edge.Options{
		Origin: behind, Address: h.edgeListener.Addr().String(), Secret: h.config.origin.Sent(),
		AllowOrigins: h.config.AllowOrigin, StripeOrigin: h.config.StripeOrigin, Now: time.Now,
	})
	if err != nil {
		return cli.Misuse(err)
	}
	h.edge = newServer(h.log, handler)
	return nil
}

// siteAddress is where browsers find the site: at the edge if there is one.
func (h *host) siteAddress() string {
	if h.edgeListener == nil {
		return h.gatewayAddress()
	}
	return addressOf(h.config.Edge, h.edgeListener)
}

func (h *host) gatewayAddress() string { return addressOf(h.config.Listen, h.gatewayListener) }

// addressOf is an address as configured, with the real port if port 0 was configured.
func addressOf(configured string, l net.Listener) string {
	if _, port, err := net.SplitHostPort(configured); err == nil && port != "0" {
		return configured
	}
	return l.Addr().String()
}

func newServer(log *slog.Logger, handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
}

// serve runs until ctx ends or a listener fails, then stops in an order that loses nothing: sources stop fetching, requests and
// batches finish, the processes end. The control endpoint responds until the end.
func (h *host) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var servers, sources sync.WaitGroup
	serve := func(name string, server *http.Server, listener net.Listener) {
		servers.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	serve("gateway", h.gateway, gateway.Listen(h.gatewayListener))
	if h.controlListener != nil {
		serve("control endpoint", h.control, h.controlListener)
		h.log.Info("the control endpoint listens", telemetry.KeyRoute, "http://"+h.controlListener.Addr().String())
	}
	if h.edge != nil {
		serve("edge", h.edge, gateway.Listen(h.edgeListener))
		h.log.Info("the edge listens", telemetry.KeyRoute, "http://"+h.siteAddress())
	}
	h.listening.Store(true)
	h.log.Info("the gateway listens", telemetry.KeyRoute, "http://"+h.gatewayAddress())
	for _, s := range h.sources {
		sources.Go(func() { s.Run(ctx) })
	}
	<-ctx.Done()
	failure := context.Cause(ctx)
	if errors.Is(failure, context.Canceled) {
		failure = nil
	}
	h.log.Info("stopping")
	return errors.Join(failure, h.stop(&servers, &sources))
}

func (h *host) stop(servers, sources *sync.WaitGroup) error {
	drain, cancel := context.WithTimeout(context.Background(), h.config.drain)
	defer cancel()
	sourcesDone := make(chan struct{})
	go func() { sources.Wait(); close(sourcesDone) }()
	var err error
	for _, server := range []*http.Server{h.edge, h.gateway} {
		if server == nil {
			continue
		}
		if cut := server.Shutdown(drain); cut != nil {
			err = errors.Join(err, fmt.Errorf("requests were cut off: %w", cut))
		}
	}
	if h.sockets != nil {
		err = errors.Join(err, h.sockets.Stop(drain))
	}
	select {
	case <-sourcesDone:
	case <-drain.Done():
	}
	// Stop fails the invocations that are still running, which ends the sources and requests that wait for them.
	err = errors.Join(err, h.runtime.Stop(drain))
	<-sourcesDone
	if h.edge != nil {
		err = errors.Join(err, h.edge.Close())
	}
	err = errors.Join(err, h.gateway.Close(), h.control.Close(), h.extension.close())
	servers.Wait()
	for _, f := range h.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// abandon closes everything that a failed start opened.
func (h *host) abandon() error {
	var err error
	for _, l := range []net.Listener{h.gatewayListener, h.edgeListener, h.controlListener} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	for _, f := range h.files {
		err = errors.Join(err, f.Close())
	}
	if h.runtime != nil {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		err = errors.Join(err, h.runtime.Stop(now))
	}
	return errors.Join(err, h.extension.close())
}

func (h *host) missing() []string {
	missing := h.runtime.Missing()
	if !h.listening.Load() {
		missing = append(missing, "the gateway")
	}
	return missing
}

func (h *host) sourceStatus() []any {
	all := make([]any, len(h.sources))
	for i, s := range h.sources {
		all[i] = s.status()
	}
	if h.sockets != nil {
		all = append(all, h.sockets.Status())
	}
	return all
}

// childEnvironment is the part of the host's environment that functions get: where AWS is, and what every program needs.
func childEnvironment(environ []string, region string) []string {
	out := []string{"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case name == "AWS_REGION", name == "AWS_DEFAULT_REGION", strings.HasPrefix(name, "AWS_LAMBDA_"):
		case strings.HasPrefix(name, "AWS_"), name == "PATH", name == "HOME", name == "TMPDIR":
			out = append(out, entry)
		}
	}
	return out
}

// noAccount is the account of an emulator whose access key does not name one.
const noAccount = "000000000000"

var accountKey = regexp.MustCompile(`^\d{12}$`)

// accountOf takes an access key of 12 digits as the account, as emulators do. The account is only passed to functions, so no
// credentials are fetched to find it.
func accountOf(environ []string) string {
	for _, entry := range environ {
		if key, ok := strings.CutPrefix(entry, "AWS_ACCESS_KEY_ID="); ok && accountKey.MatchString(key) {
			return key
		}
	}
	return noAccount
}
