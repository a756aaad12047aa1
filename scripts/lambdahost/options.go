package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"boxoffice/contracts/origin"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/cpushare"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// options are the command line.
type options struct {
	Topology         string        `help:"Topology file; without it the built-in one." placeholder:"FILE" type:"existingfile"`
	Values           string        `help:"JSON object of reference to value (queueUrl:orders, holdSeconds, …). What the topology says itself need not be in it." placeholder:"FILE" type:"existingfile"`
	Secrets          string        `help:"JSON object of ARN to value: the secrets that functions read through the imitated Parameters and Secrets extension; without it there is no extension." placeholder:"FILE" type:"existingfile"`
	Functions        string        `help:"Folder with NAME/bootstrap for each function." required:"" placeholder:"DIR" type:"existingdir"`
	Listen           string        `help:"Address of the gateway (default ${default})." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Edge             string        `help:"Address of an edge before the gateway, as CloudFront is: it caches, compresses and adds headers; without it there is none." placeholder:"HOST:PORT"`
	AllowOrigin      []string      `help:"Origin whose pages may use the API through the edge (CORS); may be repeated." placeholder:"ORIGIN" sep:"none"`
	StripeOrigin     string        `help:"Where pages of the site may connect to for payments, beside Stripe itself." placeholder:"ORIGIN"`
	Site             string        `help:"Folder with the built site, served before the routes; its index.html answers every other path outside /api that has no file extension." placeholder:"DIR" type:"existingdir"`
	Control          string        `help:"Loopback address for health, status and direct invocations; without it there is none." placeholder:"HOST:PORT"`
	Processes        []string      `help:"Number of processes of one function; may be repeated or separated by commas." placeholder:"NAME=N"`
	DefaultProcesses int           `help:"Number of processes of every other function." default:"2"`
	Files            []string      `help:"Serve a folder under a path, before the routes; may be repeated." placeholder:"PREFIX=DIR" sep:"none"`
	Issuer           string        `help:"Issuer of tokens; without it http://{listen}/api." placeholder:"URL"`
	Audience         string        `help:"Audience that tokens must be made for (default ${default})." default:"boxoffice" placeholder:"NAME"`
	ThrottleRate     float64       `help:"Requests a second over all routes, on average; 0 is no limit (default ${default})." default:"0" placeholder:"R"`
	ThrottleBurst    float64       `help:"Requests at once; without it as many as the rate, at least 1." placeholder:"B"`
	WebSocketIdle    time.Duration `name:"websocket-idle" help:"How long a WebSocket connection may be without a message (default ${default})." default:"10m"`
	WebSocketLife    time.Duration `name:"websocket-life" help:"How long a WebSocket connection may last (default ${default})." default:"2h"`
	CPUShare         bool          `name:"cpu-share" help:"Hold each process to the share of one processor that Lambda gives its memory (256 MB: 0.145), by stopping and continuing it. Linux only."`
	PollWait         int           `help:"Long poll of queues, in seconds, 0 to 20. Use 0 with emulators, which lose the messages of an abandoned poll for a while; 20 with AWS (default ${default})." default:"0" placeholder:"SECONDS"`
	PollEvery        time.Duration `help:"Pause after a poll that brought nothing." default:"150ms"`
	LogDir           string        `help:"Folder for NAME.log with what each function prints; without it standard error." placeholder:"DIR" type:"path"`
	Drain            time.Duration `help:"How long work may go on after SIGTERM; without it the longest function timeout, plus the long poll, plus 2 s." placeholder:"DURATION"`
}

// config is everything checked.
type config struct {
	options
	topology      topology.Topology
	values        topology.Values
	secrets       map[string]string
	functions     []runtimeapi.Function
	files         map[string]string
	origin        origin.Secrets
	throttleBurst float64
	drain         time.Duration
}

// check reads the files and reports every problem together.
func (o options) check() (config, error) {
	c := config{options: o, files: map[string]string{}}
	var problems []error
	add := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	var err error
	c.topology, err = o.loadTopology()
	if err != nil {
		return c, cli.Misuse(err)
	}
	c.values, err = o.loadValues(c.topology)
	add(err)
	c.secrets, err = o.loadSecrets()
	add(err)
	add(c.addFunctions())
	add(c.checkSources())
	for _, entry := range o.Files {
		prefix, directory, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(prefix, "/") || directory == "" {
			add(fmt.Errorf("--files %q is not /PREFIX=DIR", entry))
			continue
		}
		c.files[prefix] = directory
	}
	if o.LogDir != "" {
		add(os.MkdirAll(o.LogDir, 0o750))
	}
	add(c.checkNumbers())
	if o.CPUShare {
		add(cpushare.Supported())
	}
	add(o.checkControl())
	if o.Edge == "" && (len(o.AllowOrigin) > 0 || o.StripeOrigin != "") {
		add(errors.New("--allow-origin and --stripe-origin need --edge"))
	}
	c.origin, err = c.originSecrets()
	add(err)
	if len(problems) > 0 {
		return c, cli.Misuse(errors.Join(problems...))
	}
	return c, nil
}

func (o options) loadTopology() (topology.Topology, error) {
	if o.Topology == "" {
		return topology.Load()
	}
	data, err := os.ReadFile(o.Topology)
	if err != nil {
		return topology.Topology{}, fmt.Errorf("topology: %w", err)
	}
	return topology.Parse(data)
}

func (o options) loadValues(t topology.Topology) (topology.Values, error) {
	values := t.Numbers()
	if o.Values == "" {
		return values, nil
	}
	data, err := os.ReadFile(o.Values)
	if err != nil {
		return values, fmt.Errorf("values: %w", err)
	}
	var given topology.Values
	if err := json.Unmarshal(data, &given); err != nil {
		return values, fmt.Errorf("values: %s is not a JSON object of strings: %w", o.Values, err)
	}
	maps.Copy(values, given)
	return values, nil
}

// loadSecrets returns nil where there is no extension. Its errors contain nothing of the file's content.
func (o options) loadSecrets() (map[string]string, error) {
	if o.Secrets == "" {
		return nil, nil
	}
	data, err := os.ReadFile(o.Secrets)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	all := map[string]string{}
	if json.Unmarshal(data, &all) != nil {
		return nil, fmt.Errorf("secrets: %s is not a JSON object of strings", o.Secrets)
	}
	return all, nil
}

// originSecrets reads the secret that the edge sends from the same value as the functions read it from. The error contains nothing
// of it.
func (c *config) originSecrets() (origin.Secrets, error) {
	value := c.values[origin.Reference]
	if secret, found := c.secrets[value]; found {
		value = secret
	}
	return origin.Parse(value)
}

func (c *config) addFunctions() error {
	processes, err := c.parseProcesses()
	problems := []error{err}
	for _, f := range c.topology.Functions {
		environment, err := f.Resolve(c.values)
		if err != nil {
			problems = append(problems, err)
		}
		n, ok := processes[f.Name]
		if !ok {
			n = c.DefaultProcesses
		}
		if f.ReservedConcurrency > 0 {
			n = min(n, f.ReservedConcurrency)
		}
		directory := filepath.Join(c.Functions, f.Name)
		if _, err := os.Stat(filepath.Join(directory, "bootstrap")); err != nil {
			problems = append(problems, fmt.Errorf("function %s has no bootstrap: %w", f.Name, err))
		}
		c.functions = append(c.functions, runtimeapi.Function{
			Name: f.Name, Directory: directory, Processes: n, ReservedConcurrency: f.ReservedConcurrency,
			Timeout: time.Duration(f.TimeoutSeconds) * time.Second, MemoryMegabytes: f.MemoryMegabytes, Environment: environment,
		})
	}
	return errors.Join(problems...)
}

func (c *config) parseProcesses() (map[string]int, error) {
	var problems []error
	if c.DefaultProcesses < 1 {
		problems = append(problems, fmt.Errorf("--default-processes must be at least 1, is %d", c.DefaultProcesses))
	}
	out := map[string]int{}
	for _, entry := range c.Processes {
		name, number, _ := strings.Cut(entry, "=")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			problems = append(problems, fmt.Errorf("--processes %q is not NAME=N with N of at least 1", entry))
			continue
		}
		if _, ok := c.topology.FunctionNamed(name); !ok {
			problems = append(problems, fmt.Errorf("--processes %q: the topology has no such function", entry))
		}
		out[name] = n
	}
	return out, errors.Join(problems...)
}

// checkSources reports missing values that the host itself needs.
func (c *config) checkSources() error {
	var problems []error
	need := func(function, reference string) {
		if c.values[reference] == "" {
			problems = append(problems, fmt.Errorf("function %s: no value for its source (%s)", function, reference))
		}
	}
	for _, f := range c.topology.Functions {
		if f.Queue != nil {
			need(f.Name, "queueUrl:"+f.Queue.Name)
		}
		if f.Stream != nil {
			need(f.Name, "tableName:"+f.Stream.Table)
			if f.Stream.OnFailure != "" {
				need(f.Name, "queueUrl:"+f.Stream.OnFailure)
			}
		}
	}
	return errors.Join(problems...)
}

func (c *config) checkNumbers() error {
	var problems []error
	if c.PollWait < 0 || c.PollWait > 20 {
		problems = append(problems, fmt.Errorf("--poll-wait must be 0 to 20, is %d", c.PollWait))
	}
	if c.PollEvery <= 0 {
		problems = append(problems, fmt.Errorf("--poll-every must be over 0, is %s", c.PollEvery))
	}
	if c.ThrottleRate < 0 || c.ThrottleBurst < 0 || c.Drain < 0 {
		problems = append(problems, errors.New("--throttle-rate, --throttle-burst and --drain must not be negative"))
	}
	if c.WebSocketIdle <= 0 || c.WebSocketLife <= 0 {
		problems = append(problems, errors.New("--websocket-idle and --websocket-life must be over 0"))
	}
	if c.throttleBurst = c.ThrottleBurst; c.throttleBurst == 0 {
		c.throttleBurst = max(1, c.ThrottleRate)
	}
	if c.drain = c.Drain; c.drain == 0 {
		for _, f := range c.functions {
			c.drain = max(c.drain, f.Timeout)
		}
		c.drain += time.Duration(c.PollWait)*time.Second + 2*time.Second
	}
	return errors.Join(problems...)
}

// checkControl accepts only loopback addresses, because every client of the control endpoint can run functions.
func (o options) checkControl() error {
	if o.Control == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(o.Control)
	if err != nil {
		return fmt.Errorf("--control: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--control must be a loopback address, is %s", o.Control)
	}
	return nil
}
