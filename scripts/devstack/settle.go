package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

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

// settle gives the settings of a stack: those it has, or new ones from the flags. A stack that runs with others than
// asked for is an error, since half of it would keep the old ones.
func (a *app) settle(f stack.Folder, flags stackFlags, specified topology.Topology) (stack.Settings, error) {
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
		// Nothing of it runs, after a reboot for example: what it was set to no longer matters.
		if err := f.Remove(); err != nil {
			return s, err
		}
	}
	s = stack.Settings{Name: f.Name, Account: stack.AccountOf(f.Name), HoldSeconds: specified.HoldSeconds}
	if flags.HoldSeconds != nil {
		s.HoldSeconds = *flags.HoldSeconds
	}
	s.MainConcerts = flags.MainConcerts
	if flags.HandlerTimeout != nil {
		s.HandlerTimeoutSeconds = *flags.HandlerTimeout
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

// stackArgument is what a make command needs to mean this stack.
func stackArgument(name string) string {
	if name == stack.DefaultName {
		return ""
	}
	return " STACK=" + name
}

// portFlag ties a port to how it is chosen.
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
	}
}

// ports of a new stack: those given, the well-known ones for the default stack, otherwise free ones as find has them. Nothing
// listens on any of them yet, so those that are settled come first, and find may not answer one again.
func (flags stackFlags) ports(name string, find func() (int, error)) (stack.Ports, error) {
	var p stack.Ports
	var wanting []*int
	taken := map[int]bool{}
	for _, f := range flags.portFlags(&p) {
		switch {
		case f.given != nil:
			*f.port = *f.given
		case name == stack.DefaultName && f.standard != 0:
			*f.port = f.standard
		default:
			wanting = append(wanting, f.port)
			continue
		}
		taken[*f.port] = true
	}
	for _, port := range wanting {
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

// differences between what is asked for and what a stack has. What is not asked for does not differ.
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

// Processes of a stack, in the order in which they start.
const (
	ministackName  = "ministack"
	redisName      = "redis"
	stripeName     = "stripedouble"
	lambdahostName = "lambdahost"
)

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

// adapt puts the stack's settings into the topology, and writes it for lambdahost. Everything that follows from a
// number (delays, visibility timeouts) follows from the changed one too.
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

// secretAccessKey is no secret: an emulator takes any.
const secretAccessKey = "local"

// awsConfig speaks to the stack's emulator, whatever the environment says.
func awsConfig(ctx context.Context, s stack.Settings) (aws.Config, error) {
	return awsclient.Load(ctx, config.WithRegion(stack.Region), config.WithBaseEndpoint(s.AWSURL()),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(s.Account, secretAccessKey, "")))
}

// awsEnvironment is the same for a program.
func awsEnvironment(s stack.Settings) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.AWSURL(), "AWS_REGION": stack.Region,
		"AWS_ACCESS_KEY_ID": s.Account, "AWS_SECRET_ACCESS_KEY": secretAccessKey,
	}
}
