package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/moduleroot"
)

// commands is the command line.
type commands struct {
	Stack string `help:"Which stack; several may run side by side." default:"default" env:"STACK"`

	Up     upCommand     `cmd:"" help:"Install what is missing, build, start everything, create queues and tables, load the sample concerts."`
	Down   downCommand   `cmd:"" help:"Stop everything of the stack and delete its state; logs are kept."`
	Status statusCommand `cmd:"" help:"Show each process with its address and health; exit code 1 unless all are up."`
	Seed   seedCommand   `cmd:"" help:"Load the sample concerts again; what exists is not changed."`
	Env    envCommand    `cmd:"" help:"Print every address and name as shell exports."`
	Token  tokenCommand  `cmd:"" help:"Print an access token of the stack's own issuer."`
	Keys   keysCommand   `cmd:"" help:"Show or rotate the keys that sign access tokens."`
	Run    runCommand    `cmd:"" help:"Bring up a temporary stack, run a command with its environment, take the stack down."`
	Tools  toolsCommand  `cmd:"" help:"Only install what the stack and the tests need."`
	Build  buildCommand  `cmd:"" help:"Only build the functions, each as NAME/bootstrap."`
	Node   nodeCommand   `cmd:"" help:"Print the folder of node and npm, for the site; install both if they are missing."`

	Package packageCommand `cmd:"" help:"Build what is deployed on AWS: a reproducible arm64 zip of each function."`
}

// stackFlags are the settings of a stack. Its first up fixes them.
type stackFlags struct {
	HoldSeconds    *int              `help:"Length of a hold, in seconds (default: as specified, 300)." env:"HOLD_SECONDS"`
	HandlerTimeout *int              `help:"Shorter timeout of functions that read a queue, in seconds." env:"HANDLER_TIMEOUT_SECONDS"`
	SitePort       *int              `help:"Port of the site and the API (default stack: 8080)." env:"SITE_PORT"`
	Edge           *bool             `help:"An edge before the gateway, which caches and compresses as CloudFront does (default: in the default stack only)." negatable:"" env:"EDGE"`
	SiteFolder     string            `name:"site-folder" help:"Folder with the built site, which is served outside /api." env:"SITE_FOLDER" type:"existingdir"`
	AllowOrigin    []string          `help:"Origin whose pages may use the API through the edge, as http://127.0.0.1:5173; may be repeated." env:"ALLOW_ORIGIN" placeholder:"ORIGIN"`
	ThrottleRate   float64           `help:"Requests a second that the gateway allows, on average (default: any number)." env:"THROTTLE_RATE"`
	AWSPort        *int              `name:"aws-port" help:"Port of the AWS emulator (default stack: 4566)." env:"AWS_PORT"`
	RedisPort      *int              `help:"Port of Redis (default stack: 6380)." env:"REDIS_PORT"`
	StripePort     *int              `help:"Port of the stand-in for Stripe (default stack: 12111)." env:"STRIPE_PORT"`
	Via            map[string]string `help:"Address of a proxy through which the functions reach a service: dynamodb, events, redis, sqs, streams, stripe." placeholder:"SERVICE=HOST:PORT"`
	MainConcerts   bool              `help:"Load only the main concert and the one in the arena, of three dozen: the stack is up sooner."`
	RateLimits     string            `help:"Limits of requests of accounts: wide (default), or production as on AWS." env:"RATE_LIMITS" enum:",wide,production" default:""`
	Topology       string            `help:"Another specification than contracts/topology." type:"path"`
	Ministack      string            `help:"A ministack that is installed already." env:"BOXOFFICE_MINISTACK" type:"path"`
}

// app is what every command needs.
type app struct {
	root     string
	out, err io.Writer
	now      func() time.Time
	// environment is the environment of started programs. It has no AWS_ variable of the user: a local stack must never reach a
	// real account.
	environment []string
	begun       time.Time
}

// progress prints a line with the seconds since the command began.
func (a *app) progress(format string, args ...any) {
	// A command goes on where its progress cannot be printed.
	_, _ = fmt.Fprintf(a.err, "%6.1f s  %s\n", a.now().Sub(a.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (a *app) folder(name string) (stack.Folder, error) {
	if !stack.ValidName(name) {
		return stack.Folder{}, cli.Misuse(fmt.Errorf("stack name %q: a letter, then up to 30 of a-z, 0-9 and - wanted", name))
	}
	return stack.Folder{Root: a.root, Name: name}, nil
}

// run is the program. It returns the exit code: 0 done, 1 failed, 2 used wrongly, or that of the command that was run.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c commands
	return cli.Run("devstack", &c, args, out, errOut, func(parsed *kong.Context) error {
		a, err := newApp(out, errOut)
		if err != nil {
			return err
		}
		parsed.BindTo(ctx, (*context.Context)(nil))
		parsed.Bind(a, &c)
		return parsed.Run()
	}, kong.Description("Runs a whole Boxoffice on this machine: AWS emulator, Redis and the functions that would be deployed."))
}

func newApp(out, errOut io.Writer) (*app, error) {
	root, err := moduleroot.Find()
	if err != nil {
		return nil, err
	}
	// go-redis would print every refused connection while the server starts.
	redis.SetLogger(silent{})
	environment, err := withoutAWS()
	if err != nil {
		return nil, err
	}
	return &app{root: root, out: out, err: errOut, now: time.Now, environment: environment, begun: time.Now()}, nil
}

// withoutAWS removes the user's AWS settings from the environment of this process, where the SDK reads them, and hides the user's
// profiles from the SDK. It returns the environment that is left.
func withoutAWS() ([]string, error) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if err := os.Setenv(name, os.DevNull); err != nil {
			return nil, err
		}
	}
	return os.Environ(), nil
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// exitCodeOf gives an error of exec.Cmd.Run the exit code of its command.
func exitCodeOf(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return cli.WithCode(exit.ExitCode(), err)
	}
	return err
}
