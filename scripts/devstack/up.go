package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/install"
	"boxoffice/scripts/devstack/internal/redisserver"
	"boxoffice/scripts/devstack/internal/resources"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/filelock"
	"boxoffice/scripts/internal/ministack"
)

type upCommand struct {
	stackFlags
	NoSeed bool `help:"Load no concerts."`
}

// Run implements the command.
func (c *upCommand) Run(ctx context.Context, a *app, root *commands) error {
	f, unlock, err := a.lock(root.Stack)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // the end of the process unlocks too
	s, err := a.up(ctx, f, c.stackFlags, !c.NoSeed)
	if err != nil {
		return err
	}
	if s.Edge {
		a.progress("an edge caches public responses as CloudFront does; without it: make down, then EDGE=0 make up")
	}
	a.progress("stack %s is up: site %s, API %s, holds of %d s, logs in %s", f.Name, s.SiteURL(), s.Issuer(), s.HoldSeconds, relative(a.root, f.Logs()))
	return nil
}

// lock returns the folder of a stack. No other command changes the stack until unlock is called.
func (a *app) lock(name string) (f stack.Folder, unlock func() error, err error) {
	if f, err = a.folder(name); err == nil {
		unlock, err = filelock.Lock(filepath.Join(stack.Local(a.root), "stacks", f.Name+".lock"))
	}
	return f, unlock, err
}

func relative(root, path string) string {
	if r, err := filepath.Rel(root, path); err == nil {
		return r
	}
	return path
}

// ascent is one run of up.
type ascent struct {
	*app
	folder   stack.Folder
	settings stack.Settings
	secrets  stack.Secrets
	topology topology.Topology
	tools    toolPaths
	binaries install.Binaries
	values   topology.Values
}

// up brings the stack up. It leaves running what already runs with the same settings, versions and programs.
func (a *app) up(ctx context.Context, f stack.Folder, flags stackFlags, seed bool) (stack.Settings, error) {
	u := &ascent{app: a, folder: f}
	if err := u.prepare(flags); err != nil {
		return u.settings, err
	}
	err := u.checkPorts(ctx)
	if err != nil {
		return u.settings, err
	}
	if u.tools, err = a.installTools(ctx, flags.Ministack); err != nil {
		return u.settings, err
	}
	emulator, err := a.start(ctx, f, u.ministack())
	if err != nil {
		return u.settings, err
	}
	redis, err := u.redis(emulator)
	if err != nil {
		return u.settings, err
	}
	cache, err := a.start(ctx, f, redis)
	if err != nil {
		return u.settings, err
	}
	// Redis takes commands some seconds after it got its slots, and await gives it the slots. So it is awaited during the build.
	ready, readyCtx := errgroup.WithContext(ctx)
	ready.Go(func() error { return emulator.await(readyCtx) })
	ready.Go(func() error { return cache.await(readyCtx) })
	u.binaries, err = a.build(ctx, u.topology.Functions)
	if err := errors.Join(err, ready.Wait()); err != nil {
		return u.settings, err
	}
	if err := u.resources(ctx); err != nil {
		return u.settings, err
	}
	double, err := a.start(ctx, f, u.stripe(emulator))
	if err != nil {
		return u.settings, err
	}
	if err := double.await(ctx); err != nil {
		return u.settings, err
	}
	host, err := u.lambdahost(emulator)
	if err != nil {
		return u.settings, err
	}
	running, err := a.start(ctx, f, host)
	if err != nil {
		return u.settings, err
	}
	if err := running.await(ctx); err != nil {
		return u.settings, err
	}
	a.progress("%s: every process is ready", lambdahostName)
	if !seed {
		return u.settings, nil
	}
	return u.settings, a.seed(ctx, u.settings, u.values)
}

// prepare does everything that needs no running server: it writes settings, topology, secrets and token documents.
func (u *ascent) prepare(flags stackFlags) error {
	specified, err := flags.specification()
	if err != nil {
		return err
	}
	if u.settings, err = u.settingsOf(u.folder, flags, specified); err != nil {
		return err
	}
	if u.topology, err = adapt(u.folder, specified, u.settings); err != nil {
		return err
	}
	if u.secrets, err = u.folder.LoadSecrets(); err != nil {
		return err
	}
	if err := errors.Join(ensureTokenKeys(u.folder, u.settings.Issuer(), u.now()), writeTicketKeys(u.folder, u.secrets.TicketKey)); err != nil {
		return err
	}
	return u.folder.SaveSettings(u.settings)
}

type toolPaths struct{ ministack, redis string }

func (a *app) installer() install.Installer {
	return install.Installer{Root: a.root, Progress: a.progress, Environment: a.environment}
}

// toolsLock is one lock for all stacks, since they share what is installed and built.
func (a *app) toolsLock() (func() error, error) {
	return filelock.Lock(filepath.Join(stack.Local(a.root), "tools.lock"))
}

func (a *app) installTools(ctx context.Context, ministack string) (toolPaths, error) {
	unlock, err := a.toolsLock()
	if err != nil {
		return toolPaths{}, err
	}
	defer unlock() //nolint:errcheck // the end of the process unlocks too
	var t toolPaths
	if t.redis, err = a.installer().Redis(ctx); err != nil {
		return t, err
	}
	if t.ministack = ministack; ministack == "" {
		t.ministack, err = a.installer().Ministack(ctx)
	}
	return t, err
}

func (a *app) build(ctx context.Context, functions []topology.Function) (install.Binaries, error) {
	unlock, err := a.toolsLock()
	if err != nil {
		return install.Binaries{}, err
	}
	defer unlock() //nolint:errcheck // the end of the process unlocks too
	a.progress("building %d functions (the first time compiles the AWS SDK, which takes a minute or two)", len(functions))
	binaries, err := a.installer().Build(ctx, functions)
	if err == nil {
		a.progress("built")
	}
	return binaries, err
}

// mailFrom is the address that the stack's mails come from. Nobody can have an address in this domain.
const mailFrom = "Boxoffice <tickets@boxoffice.invalid>"

// resources creates queues and tables, and writes the value of each reference of the topology.
func (u *ascent) resources(ctx context.Context) error {
	cfg, err := awsConfig(ctx, u.settings)
	if err != nil {
		return err
	}
	result, err := resources.Ensure(ctx, cfg, u.topology)
	if err != nil {
		return fmt.Errorf("the stack's resources are not as specified (after a change of the topology, take the stack down first: make down%s):\n%w", stackArgument(u.folder.Name), err)
	}
	u.progress("queues and tables: %d created, all as specified", len(result.Created))
	u.values = u.topology.Numbers()
	for reference, value := range result.Values {
		u.values[reference] = value
	}
	u.values["redisAddress"] = u.settings.RedisAddress()
	u.values["redisReaderUser"], u.values["redisWriterUser"], u.values["redisPayUser"] = stack.RedisReader, stack.RedisWriter, stack.RedisPay
	u.values["environment"], u.values["paymentMode"] = u.folder.Name, "test"
	u.values["stripePublishableKey"], u.values["stripeApiBase"] = u.secrets.Stripe.Publishable, u.settings.StripeBase()
	u.values["siteUrl"], u.values["rateLimits"], u.values["mailOutbox"] = u.settings.SiteURL(), u.settings.RateLimits, u.folder.MailOutbox()
	u.values["mailFrom"], u.values["mailConfigurationSet"] = mailFrom, ""
	u.values["pushUrl"], u.values["connectionsEndpoint"] = u.settings.PushURL(), u.settings.ConnectionsURL()
	u.values["allowedOrigins"] = strings.Join(u.settings.AllowOrigins, ",")
	functionSecrets, err := u.nameSecrets()
	if err != nil {
		return err
	}
	var problems []error
	for _, fn := range u.topology.Functions {
		_, err := fn.Resolve(u.values)
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	return errors.Join(stack.WriteJSON(u.folder.FunctionSecrets(), functionSecrets), stack.WriteJSON(u.folder.Values(), u.values))
}

const (
	startTimeout = time.Minute
	// handlersGrace lets running handlers finish. The seat groups of killed handlers would stay locked for the visibility timeout.
	handlersGrace = 20 * time.Second
	serverGrace   = 5 * time.Second
)

// checkPorts returns an error for each taken port, before anything is installed, built or started.
func (u *ascent) checkPorts(ctx context.Context) error {
	p := &u.settings.Ports
	var problems []error
	for name, ports := range map[string][]*int{ministackName: {&p.AWS}, redisName: {&p.Redis, &p.RedisBus}, stripeName: {&p.Stripe}, lambdahostName: {&p.Site, &p.Control, &p.Gateway}} {
		if !alive(u.folder, name) {
			problems = append(problems, awaitPorts(ctx, u.folder, name, u.portErrors(ports...)))
		}
	}
	return errors.Join(problems...)
}

func (u *ascent) portErrors(ports ...*int) []stack.PortTakenError {
	var all []stack.PortTakenError
	p := &u.settings.Ports
	for _, f := range (stackFlags{}).portFlags(p) {
		if slices.Contains(ports, f.port) {
			all = append(all, stack.PortTakenError{Port: *f.port, Purpose: f.purpose, Flag: f.flag, Variable: f.variable})
		}
	}
	return all
}

func (u *ascent) ministack() server {
	p := &u.settings.Ports
	variables := ministack.Variables(p.AWS, stack.Region)
	variables["LAMBDA_EXECUTOR"] = "local"
	// A ministack that serves itself leaves a file with its process id in TMPDIR. In the stack's folder it is deleted by down.
	variables["TMPDIR"] = u.folder.Path()
	program, args := ministack.Command(u.tools.ministack, p.AWS)
	s := u.newServer(ministackName, program, args, variables)
	s.ports = u.portErrors(&p.AWS)
	s.ready = healthyAt(u.settings.AWSURL() + "/_ministack/health")
	s.grace = serverGrace
	return s
}

// queueProcesses is the number of processes of a function that reads a queue. The processes mostly wait: loading a seat group
// keeps one busy for over a second, and orders of other groups must not wait for it.
const queueProcesses = 6

// payProcesses is the number of processes of pay. Opening payments competes with the decisions of other orders for the processors
// of this machine: with six processes the last seat of a stampede is sold later (README). Two is the lowest maximum concurrency
// that Lambda accepts for a mapping, and it shows how two processes affect each other.
const payProcesses = 2

// processesOf returns the number of processes of a function that reads a queue, within the maximum concurrency of its mapping.
func processesOf(f topology.Function) int {
	n := queueProcesses
	if f.Name == "pay" {
		n = payProcesses
	}
	if most := f.Queue.MaximumConcurrency; most > 0 {
		n = min(n, most)
	}
	return n
}

// redis is restarted with the emulator: holds of orders whose rows are gone would be wrong.
func (u *ascent) redis(emulator started) (server, error) {
	p := &u.settings.Ports
	config, err := redisserver.Config(u.folder.Redis(), *p, u.settings.RedisAddress(), u.secrets.Redis)
	if err != nil {
		return server{}, cli.Misuse(err)
	}
	s := u.newServer(redisName, u.tools.redis, []string{filepath.Join(u.folder.Redis(), redisserver.ConfigName)}, nil)
	s.fingerprint = fingerprint(s.fingerprint, config, emulator.record.PID, emulator.record.Started)
	s.ports = u.portErrors(&p.Redis, &p.RedisBus)
	s.ready = redisReady(redisserver.Client(*p, u.secrets.Redis[stack.RedisAdmin]), redisserver.Ready)
	s.grace = serverGrace
	return s, redisserver.WriteConfig(u.folder.Redis(), config)
}

// webhookPath is where the stand-in for Stripe delivers its events.
const webhookPath = "/api/webhooks/stripe"

// stripe is restarted with the emulator: payments of orders whose rows are gone would be wrong.
func (u *ascent) stripe(emulator started) server {
	p := &u.settings.Ports
	s := u.newServer(stripeName, u.binaries.Stripedouble, []string{
		"--listen", stack.Address(p.Stripe), "--endpoint", u.settings.SiteURL() + webhookPath,
		// The endpoint at Stripe must be configured the same way: any other event is accepted and ignored.
		"--endpoint-events", strings.Join(stripeevent.Types(), ","),
	}, map[string]string{
		"STRIPE_SECRET_KEY": u.secrets.Stripe.Secret, "STRIPE_PUBLISHABLE_KEY": u.secrets.Stripe.Publishable,
		"STRIPE_WEBHOOK_SECRET": u.secrets.Stripe.Webhook,
	})
	s.fingerprint = fingerprint(s.fingerprint, u.binaries.StripedoubleSum, emulator.record.PID, emulator.record.Started)
	s.ports = u.portErrors(&p.Stripe)
	s.ready = healthyAt(u.settings.StripeURL() + "/double/health")
	s.grace = serverGrace
	return s
}

func (u *ascent) lambdahost(emulator started) (server, error) {
	p := &u.settings.Ports
	args := []string{
		"--topology", u.folder.Topology(), "--values", u.folder.Values(), "--secrets", u.folder.FunctionSecrets(), "--functions", u.binaries.Functions,
		"--control", stack.Address(p.Control),
		"--files", wellKnownPrefix + "=" + u.folder.WellKnown(), "--issuer", u.settings.Issuer(), "--audience", audience,
		"--log-dir", u.folder.Logs(),
	}
	args = append(args, u.addresses()...)
	for _, f := range u.topology.Functions {
		if f.Queue != nil {
			args = append(args, "--processes", fmt.Sprintf("%s=%d", f.Name, processesOf(f)))
		}
	}
	variables := awsEnvironment(u.settings)
	for service, address := range u.settings.Via {
		if variable, ok := stack.ViaServices[service]; ok {
			variables[variable] = "http://" + address
		}
	}
	s := u.newServer(lambdahostName, u.binaries.Lambdahost, args, variables)
	values, err := os.ReadFile(u.folder.Values())
	if err != nil {
		return s, fmt.Errorf("values: %w", err)
	}
	specification, err := os.ReadFile(u.folder.Topology())
	if err != nil {
		return s, fmt.Errorf("topology: %w", err)
	}
	functionSecrets, err := os.ReadFile(u.folder.FunctionSecrets())
	if err != nil {
		return s, fmt.Errorf("secrets: %w", err)
	}
	s.fingerprint = fingerprint(s.fingerprint, u.binaries.Fingerprint, string(values), string(functionSecrets), string(specification), emulator.record.PID, emulator.record.Started)
	s.ports = u.portErrors(&p.Site, &p.Control, &p.Gateway)
	s.ready = healthyAt(u.settings.ControlURL() + "/healthz")
	s.grace = handlersGrace
	return s, nil
}

// addresses returns the arguments for where lambdahost listens and what it serves there beside the API.
func (u *ascent) addresses() []string {
	s := u.settings
	args := []string{"--throttle-rate", fmt.Sprint(s.ThrottleRate)}
	if s.SiteFolder != "" {
		args = append(args, "--site", s.SiteFolder)
	}
	if !s.Edge {
		return append(args, "--listen", stack.Address(s.Ports.Site))
	}
	args = append(args, "--listen", stack.Address(s.Ports.Gateway), "--edge", stack.Address(s.Ports.Site), "--stripe-origin", s.StripeURL())
	for _, origin := range s.AllowOrigins {
		args = append(args, "--allow-origin", origin)
	}
	return args
}
