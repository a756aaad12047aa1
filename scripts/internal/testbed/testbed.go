// Package testbed connects tests, measures and the demo to a running stack: to its API as any buyer, to its tables, queues and
// bus, to its Redis as the administrator, and to the host of its functions. It reads everything from the real servers. It writes
// what a buyer's program can write. At Stripe it can act as the owner of the account (Merchant), sign events (WebhookSecret), and
// use the test interface of the stand-in (Double).
package testbed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/redis/go-redis/v9"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/localtokens"
)

// Bed is a running stack. It is safe for concurrent use.
type Bed struct {
	// API is the address with /api. Concert and Arena are the ids of the sample concerts. Control is the address of the host of the
	// functions.
	API, Concert, Arena, Control string
	// Logs is the folder with one file a process and a function.
	Logs    string
	HoldFor time.Duration
	HTTP    *http.Client

	Dynamo *dynamodb.Client
	Queues *sqs.Client
	Buses  *eventbridge.Client
	// Redis is a client of the one node, signed in as the administrator and not through a proxy.
	Redis *redis.Client

	// Key signs the buyers' tokens.
	Key localtokens.Key

	environment map[string]string
	// frozen caches the layout versions that were read, by readmodel.LayoutKey.
	frozen sync.Map
}

// OpenHere connects to the stack that the program's environment describes.
func OpenHere(ctx context.Context) (*Bed, error) {
	environment := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	return Open(ctx, environment)
}

// Open connects to the stack that the environment describes; `make env` prints it.
func Open(ctx context.Context, environment map[string]string) (*Bed, error) {
	b := &Bed{environment: environment, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	var problems []error
	read := func(name string, into *string) {
		if *into = environment[name]; *into == "" {
			problems = append(problems, fmt.Errorf("%s is not set; make env prints it", name))
		}
	}
	var hold, key, redisURL, region, endpoint, account, secret string
	for name, into := range map[string]*string{
		"API_BASE_URL": &b.API, "CONCERT_ID": &b.Concert, "ARENA_CONCERT_ID": &b.Arena, "LAMBDAHOST_CONTROL_URL": &b.Control,
		"STACK_LOGS": &b.Logs, "HOLD_SECONDS": &hold, "STACK_SIGNING_KEY": &key, "REDIS_URL": &redisURL, "AWS_REGION": &region,
		"AWS_ENDPOINT_URL": &endpoint, "AWS_ACCESS_KEY_ID": &account, "AWS_SECRET_ACCESS_KEY": &secret,
	} {
		read(name, into)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	seconds, err := strconv.Atoi(hold)
	if err != nil {
		return nil, fmt.Errorf("HOLD_SECONDS: %w", err)
	}
	b.HoldFor = time.Duration(seconds) * time.Second
	pem, err := os.ReadFile(key) //nolint:gosec // the stack's own key
	if err != nil {
		return nil, fmt.Errorf("STACK_SIGNING_KEY: %w", err)
	}
	if b.Key, err = localtokens.ParseKey(pem); err != nil {
		return nil, fmt.Errorf("STACK_SIGNING_KEY: %w", err)
	}
	cfg, err := awsclient.LoadAt(ctx, endpoint, region, account, secret)
	if err != nil {
		return nil, err
	}
	b.Dynamo, b.Queues, b.Buses = dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg)
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	b.Redis = redis.NewClient(options)
	return b, nil
}

// Close closes all connections.
func (b *Bed) Close() error {
	b.HTTP.CloseIdleConnections()
	return b.Redis.Close()
}

// Table returns the name in this stack of a table of the topology, "" if there is none.
func (b *Bed) Table(name string) string { return b.environment[variable(name, "_TABLE")] }

// Queue returns the URL of a queue of the topology, "" if there is none.
func (b *Bed) Queue(name string) string { return b.environment[variable(name, "_QUEUE_URL")] }

// Bus returns the name in this stack of a bus of the topology, "" if there is none.
func (b *Bed) Bus(name string) string { return b.environment[variable(name, "_BUS")] }

// Named returns a new unique user id that begins with name.
func Named(name string) string { return name + "-" + rand.Text()[:10] }

// Buyer returns a client that is signed in as the user, or not signed in if user is "".
func (b *Bed) Buyer(user string) (*apiclient.Client, error) {
	c := &apiclient.Client{Base: b.API, HTTP: b.HTTP, AnySeats: true}
	if user == "" {
		return c, nil
	}
	var err error
	c.Token, err = b.Key.Sign(localtokens.ClaimsOf(b.API, user, time.Now(), localtokens.TTL))
	return c, err
}
