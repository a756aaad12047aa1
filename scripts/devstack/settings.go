package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/process"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/freeport"
)

// Ports of the default stack.
const (
	defaultSitePort  = 8080
	defaultAWSPort   = 4566
	defaultRedisPort = 6380
	defaultStripe    = 12111
)

// settingsOf returns the settings of a stack: those it has, or new ones from the flags. It is an error if the flags ask for other
// settings than the stack runs with, since half of the stack would keep the old ones.
func (a *app) settingsOf(f stack.Folder, flags stackFlags, specified topology.Topology) (stack.Settings, error) {
	s, found, err := f.LoadSettings()
	if err != nil {
		return s, err
	}
	if found {
		differences := flags.differences(s)
		switch {
		case len(differences) == 0:
			return s, nil
		case anyAlive(f):
			return s, fmt.Errorf("stack %s is up with other settings: %s. Take it down first: make down%s", f.Name, strings.Join(differences, ", "), stackArgument(f.Name))
		}
		// Nothing of it runs, for example after a reboot, so the old settings do not matter.
		if err := f.Remove(); err != nil {
			return s, err
		}
	}
	s = stack.Settings{Name: f.Name, Account: stack.AccountOf(f.Name), HoldSeconds: specified.HoldSeconds}
	if flags.HoldSeconds != nil {
		s.HoldSeconds = *flags.HoldSeconds
	}
	s.MainConcerts = flags.MainConcerts
	s.RateLimits = cmp.Or(flags.RateLimits, stack.RateLimitsWide)
	if flags.HandlerTimeout != nil {
		s.HandlerTimeoutSeconds = *flags.HandlerTimeout
	}
	// Tests ask for what they just changed, so only the stack that people use has an edge unless it is asked for.
	s.Edge = f.Name == stack.DefaultName
	if flags.Edge != nil {
		s.Edge = *flags.Edge
	}
	s.SiteFolder, s.AllowOrigins, s.ThrottleRate = flags.SiteFolder, flags.AllowOrigin, flags.ThrottleRate
	if len(s.AllowOrigins) > 0 && !s.Edge {
		return s, cli.Misuse(errors.New("--allow-origin needs an edge: --edge"))
	}
	s.Via = flags.Via
	for service := range s.Via {
		if _, ok := stack.ViaServices[service]; !ok && service != stack.ViaRedis && service != stack.ViaStripe {
			return s, cli.Misuse(fmt.Errorf("--via %s: no service of that name; there are redis, stripe, %s", service, strings.Join(slices.Sorted(maps.Keys(stack.ViaServices)), ", ")))
		}
	}
	if s.Ports, err = flags.ports(f.Name, freeport.Find); err != nil {
		return s, err
	}
	return s, nil
}

// stackArgument returns the argument by which a make command names this stack.
func stackArgument(name string) string {
	if name == stack.DefaultName {
		return ""
	}
	return " STACK=" + name
}

// portFlag is a port and how it is chosen.
type portFlag struct {
	given          *int
	standard       int
	port           *int
	purpose        string
	flag, variable string
}

func (flags stackFlags) portFlags(p *stack.Ports) []portFlag {
	return []portFlag{
		{flags.SitePort, defaultSitePort, &p.Site, "the site and the API", "--site-port", "SITE_PORT"},
		{flags.AWSPort, defaultAWSPort, &p.AWS, "the AWS emulator", "--aws-port", "AWS_PORT"},
		{flags.RedisPort, defaultRedisPort, &p.Redis, "Redis", "--redis-port", "REDIS_PORT"},
		{flags.StripePort, defaultStripe, &p.Stripe, "the stand-in for Stripe", "--stripe-port", "STRIPE_PORT"},
		{nil, 0, &p.RedisBus, "the cluster bus of Redis", "", ""},
		{nil, 0, &p.Control, "the control endpoint of lambdahost", "", ""},
		{nil, 0, &p.Gateway, "the gateway behind the edge", "", ""},
	}
}

// ports returns the ports of a new stack: given ports, well-known ports for the default stack, and otherwise free ports that find
// returns. Nothing listens on any of them yet, so find may return a port that is already chosen; such a port is not used.
func (flags stackFlags) ports(name string, find func() (int, error)) (stack.Ports, error) {
	var p stack.Ports
	var open []*int
	taken := map[int]bool{}
	for _, f := range flags.portFlags(&p) {
		switch {
		case f.given != nil:
			*f.port = *f.given
		case name == stack.DefaultName && f.standard != 0:
			*f.port = f.standard
		default:
			open = append(open, f.port)
			continue
		}
		taken[*f.port] = true
	}
	for _, port := range open {
		for *port == 0 || taken[*port] {
			var err error
			if *port, err = find(); err != nil {
				return p, err
			}
		}
		taken[*port] = true
	}
	return p, nil
}

// differences lists where the flags ask for other settings than the stack has. A flag that is not given makes no difference.
func (flags stackFlags) differences(s stack.Settings) []string {
	var all []string
	add := func(name string, asked *int, has int) {
		if asked != nil && *asked != has {
			all = append(all, fmt.Sprintf("%s is %d, asked for %d", name, has, *asked))
		}
	}
	add("holdSeconds", flags.HoldSeconds, s.HoldSeconds)
	add("handlerTimeoutSeconds", flags.HandlerTimeout, s.HandlerTimeoutSeconds)
	for _, f := range flags.portFlags(&s.Ports) {
		add("the port of "+f.purpose, f.given, *f.port)
	}
	if flags.Edge != nil && *flags.Edge != s.Edge {
		all = append(all, fmt.Sprintf("its edge is %s, asked for %s", onOrOff(s.Edge), onOrOff(*flags.Edge)))
	}
	if flags.ThrottleRate != 0 && flags.ThrottleRate != s.ThrottleRate {
		all = append(all, fmt.Sprintf("the throttle's rate is %g, asked for %g", s.ThrottleRate, flags.ThrottleRate))
	}
	if flags.SiteFolder != "" && flags.SiteFolder != s.SiteFolder {
		all = append(all, fmt.Sprintf("the folder of the site is %q, asked for %q", s.SiteFolder, flags.SiteFolder))
	}
	if len(flags.AllowOrigin) > 0 && !slices.Equal(flags.AllowOrigin, s.AllowOrigins) {
		all = append(all, fmt.Sprintf("the allowed origins are %q, asked for %q", s.AllowOrigins, flags.AllowOrigin))
	}
	if flags.RateLimits != "" && flags.RateLimits != s.RateLimits {
		all = append(all, fmt.Sprintf("rate limits are %s, asked for %s", s.RateLimits, flags.RateLimits))
	}
	if flags.MainConcerts && !s.MainConcerts {
		all = append(all, "it has all concerts, asked for the main ones alone")
	}
	for service, address := range flags.Via {
		if s.Via[service] != address {
			all = append(all, fmt.Sprintf("%s is reached at %q, asked for %s", service, s.Via[service], address))
		}
	}
	return all
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Names of the processes of a stack.
const (
	ministackName  = "ministack"
	redisName      = "redis"
	stripeName     = "stripedouble"
	lambdahostName = "lambdahost"
)

// processNames are in the order in which the processes start.
var processNames = []string{ministackName, redisName, stripeName, lambdahostName}

func anyAlive(f stack.Folder) bool {
	return slices.ContainsFunc(processNames, func(name string) bool { return alive(f, name) })
}

func alive(f stack.Folder, name string) bool {
	r, found, err := process.Read(f.Process(name))
	return err == nil && found && r.Alive()
}

// specification reads the topology that a stack starts from.
func (flags stackFlags) specification() (topology.Topology, error) {
	if flags.Topology == "" {
		return topology.Load()
	}
	content, err := os.ReadFile(flags.Topology)
	if err != nil {
		return topology.Topology{}, fmt.Errorf("topology: %w", err)
	}
	return topology.Parse(content)
}

// adapt returns the topology with the stack's settings and writes it for lambdahost. What derives from a setting (delays,
// visibility timeouts) derives from the stack's value.
func adapt(f stack.Folder, t topology.Topology, s stack.Settings) (topology.Topology, error) {
	t.HoldSeconds = s.HoldSeconds
	if s.HandlerTimeoutSeconds > 0 {
		functions := make([]topology.Function, len(t.Functions))
		for i, fn := range t.Functions {
			if fn.Queue != nil {
				fn.TimeoutSeconds = min(fn.TimeoutSeconds, s.HandlerTimeoutSeconds)
			}
			functions[i] = fn
		}
		t.Functions = functions
	}
	if err := t.Validate(); err != nil {
		return t, cli.Misuse(err)
	}
	content, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return t, fmt.Errorf("topology: %w", err)
	}
	return t, stack.WriteFile(f.Topology(), append(content, '\n'))
}

// secretAccessKey is no secret: an emulator accepts any.
const secretAccessKey = "local"

// awsConfig returns a configuration for the stack's emulator, whatever the environment says.
func awsConfig(ctx context.Context, s stack.Settings) (aws.Config, error) {
	return awsclient.LoadAt(ctx, s.AWSURL(), stack.Region, s.Account, secretAccessKey)
}

// awsEnvironment returns the same configuration as variables for a program.
func awsEnvironment(s stack.Settings) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.AWSURL(), "AWS_REGION": stack.Region,
		"AWS_ACCESS_KEY_ID": s.Account, "AWS_SECRET_ACCESS_KEY": secretAccessKey,
	}
}
